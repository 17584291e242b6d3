"""Wav files of every kind, whole and damaged."""

import io
import struct
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.speech.sound import wav
from harness.errors import DataError
from tests.data.speech.speech_files import tone


def pcm(samples: bytes, *, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    """A file as Python's own `wave` module writes it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(samples)
    return file.getvalue()


def floats(samples: np.ndarray) -> bytes:
    """32-bit floats, extensible, with a chunk of odd size before the samples."""
    bits = samples.dtype.itemsize * 8
    form = struct.pack("<HHIIHH", 0xFFFE, 1, 16_000, 64_000, bits // 8, bits)
    form += struct.pack("<HHIH14s", 22, bits, 4, 3, b"\x00" * 14)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"LIST" + struct.pack("<I", 3) + b"abc\x00"
    chunks += b"data" + struct.pack("<I", samples.nbytes) + samples.tobytes()
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=50))
def test_sixteen_bits_at_sixteen_kilohertz_are_kept_to_the_bit(values):
    samples = np.array(values, np.int16)
    np.testing.assert_array_equal(wav.read(pcm(samples.tobytes()), "a.wav"), samples)
    np.testing.assert_array_equal(wav.read(wav.write(samples), "a.wav"), samples)


def test_every_width_is_the_same_sound():
    sound = tone(440)
    wide = sound.astype(np.int32)
    raw24 = (wide << 8).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    contents = {
        "8-bit": pcm((sound // 256 + 128).astype(np.uint8).tobytes(), width=1),
        "24-bit": pcm(raw24, width=3),
        "32-bit": pcm((wide << 16).tobytes(), width=4),
        "float": floats((sound / 32768).astype("<f4")),
        "double": floats(sound / 32768),
    }
    for name, content in contents.items():
        tolerance = 256 if name == "8-bit" else 0
        np.testing.assert_allclose(wav.read(content, name), sound, atol=tolerance, err_msg=name)


def test_stereo_is_averaged():
    left, right = tone(300), tone(700)
    both = np.stack([left, right], axis=1)
    expected = np.rint((left.astype(float) + right) / 2)
    np.testing.assert_array_equal(wav.read(pcm(both.tobytes(), channels=2), "a"), expected)
    np.testing.assert_array_equal(wav.read(wav.write(both), "a"), expected)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_other_rates_are_resampled(rate):
    found = wav.read(pcm(tone(440, 0.5, rate).tobytes(), rate=rate), "a.wav")
    expected = tone(440, 0.5)
    assert abs(len(found) - len(expected)) <= 1
    middle = slice(1_000, 7_000)  # a filter rings at the edges
    np.testing.assert_allclose(found[middle], expected[middle], atol=100)


def test_a_size_left_open_by_a_pipe_means_the_rest():
    content = bytearray(pcm(tone(440).tobytes()))
    content[40:44] = b"\xff" * 4
    np.testing.assert_array_equal(wav.read(bytes(content), "a.wav"), tone(440))


@pytest.mark.parametrize(("width", "channels"), [(2, 1), (3, 1), (3, 2), (2, 2)])
def test_so_does_the_size_that_sox_writes_into_a_pipe(width, channels):
    sound = bytes(range(1, 1 + 12)) * 40  # whole samples of each
    whole = pcm(sound, width=width, channels=channels)
    block = channels * width
    for size in (0x7FFFF000 // block * block, 0x7FFFF000 - block):
        content = whole[:40] + struct.pack("<I", size) + whole[44:]
        if size + block > 0x7FFFF000:
            np.testing.assert_array_equal(wav.read(content, "a.wav"), wav.read(whole, "a.wav"))
        else:
            with pytest.raises(DataError, match=r"a\.wav: truncated"):
                wav.read(content, "a.wav")


WHOLE = pcm(tone(440).tobytes())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty file"),
        (WHOLE[:-1], "truncated wav file, 9599 bytes where its header announces 9600"),
        (WHOLE[:44], "truncated wav file, 0 bytes"),
        (WHOLE[:40], "truncated wav file, it ends before its samples"),
        (WHOLE[:30], "truncated"),
        (WHOLE[:12], "truncated"),
        (pcm(b""), "without a sample"),
        (b"ID3\x04" + bytes(100), "not a wav file"),
        (b"no sound at all", "not a wav file"),
        (WHOLE[:20] + struct.pack("<H", 6) + WHOLE[22:], "codec 6 with 16 bits; accepted: PCM"),
        (WHOLE[:22] + struct.pack("<H", 0) + WHOLE[24:], "0 channels"),
        (WHOLE[:24] + struct.pack("<I", 0) + WHOLE[28:], "at 0 Hz"),
    ],
)
def test_what_is_no_whole_wav_file_is_refused_by_name(content, complaint):
    for read in (wav.read, wav.check):
        with pytest.raises(DataError, match=f"^words/yes/a.wav: .*{complaint}"):
            read(content, "words/yes/a.wav")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 60), st.binary(max_size=8))
def test_no_damage_to_the_header_is_a_crash(place, damage):
    content = WHOLE[:place] + damage + WHOLE[place + len(damage) :]
    refusal = None
    try:
        assert wav.read(content, "a.wav").dtype == np.int16
    except DataError as error:
        refusal = str(error)
    assert refusal is None or refusal.startswith("a.wav: ")
