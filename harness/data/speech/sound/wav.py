"""Wav files of any sample rate, width and number of channels, as 16 kHz mono.

Read: PCM of 8, 16, 24 and 32 bits and 32- and 64-bit floats, plain or extensible; channels
are averaged, other rates resampled (polyphase filter). Refused, by the file's name: what is
not a wav file, other codecs, truncated files and files without a sample. (SciPy's reader gives
out what a truncated file still has, so it does not do.)

Format: https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html
"""

import io
import math
import struct
from dataclasses import dataclass

import numpy as np

from harness.errors import DataError

SAMPLE_RATE = 16_000

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_LOWEST_RATE, _HIGHEST_RATE = 1_000, 384_000
# What programs that write into a pipe leave where the size should be; SoX (`MS_UNSPEC` in its
# wav.c) leaves the most whole samples that its number has room for.
_SIZE_UNKNOWN, _SOX_UNKNOWN = (0xFFFFFFFF, 0x7FFFFFFF), 0x7FFFF000


@dataclass(frozen=True)
class _Sound:
    codec: int
    channels: int
    rate: int
    bits: int
    samples: memoryview


def check(content: bytes, name: str) -> None:
    """Refuses a file that `read` would refuse, without decoding it.

    Raises:
        DataError: names the file, what was found and what is accepted.
    """
    _parse(content, name)


def read(content: bytes, name: str) -> np.ndarray:
    """A wav file's sound at 16 kHz, mono.

    Args:
        content: The whole file.
        name: What to call it in a refusal.

    Returns:
        int16 [samples].

    Raises:
        DataError: names the file, what was found and what is accepted.
    """
    sound = _parse(content, name)
    plain = sound.codec == _PCM and sound.bits == 16 and sound.channels == 1
    if plain and sound.rate == SAMPLE_RATE:  # nothing to do, and nothing rounded
        return np.frombuffer(sound.samples, "<i2").astype(np.int16)
    waveform = _decoded(sound).reshape(-1, sound.channels).mean(axis=1)
    if sound.rate != SAMPLE_RATE:
        from scipy.signal import resample_poly

        common = math.gcd(SAMPLE_RATE, sound.rate)
        waveform = resample_poly(waveform, SAMPLE_RATE // common, sound.rate // common)
    return np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype(np.int16)


def write(samples: np.ndarray, rate: int = SAMPLE_RATE) -> bytes:
    """A 16-bit PCM wav file.

    Args:
        samples: int16, [samples] or [samples, channels].
        rate: Hertz.
    """
    from scipy.io import wavfile

    file = io.BytesIO()
    wavfile.write(file, rate, samples.astype("<i2"))
    return file.getvalue()


def _parse(content: bytes, name: str) -> _Sound:
    if not content:
        raise DataError(f"{name}: empty file; accepted: a wav file with at least one sample")
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise DataError(
            f"{name}: not a wav file (starts with {content[:12].hex(' ')}); accepted: RIFF WAVE"
        )
    form: tuple[int, int, int, int] | None = None
    position = 12
    while position + 8 <= len(content):
        kind, size = struct.unpack_from("<4sI", content, position)
        begin, left = position + 8, len(content) - position - 8
        if kind == b"data":
            if form is None:
                raise DataError(f"{name}: no format before its samples; write the file again")
            if size > left and not _is_unknown(size, form):
                raise _truncated(name, size, left)
            return _sound(form, memoryview(content)[begin : begin + size], name)
        if size > left:
            raise _truncated(name, size, left)
        if kind == b"fmt ":
            form = _format(content[begin : begin + size], name)
        position = begin + size + size % 2  # chunks are padded to even sizes
    raise DataError(f"{name}: truncated wav file, it ends before its samples; fetch it again")


def _is_unknown(size: int, form: tuple[int, int, int, int]) -> bool:
    _, channels, _, bits = form
    return size in _SIZE_UNKNOWN or 0 <= _SOX_UNKNOWN - size < channels * bits // 8


def _truncated(name: str, announced: int, found: int) -> DataError:
    return DataError(
        f"{name}: truncated wav file, {found} bytes where its header announces {announced};"
        " fetch it again"
    )


def _format(chunk: bytes, name: str) -> tuple[int, int, int, int]:
    if len(chunk) < 16:
        raise DataError(f"{name}: truncated wav header; fetch the file again")
    codec, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if codec == _EXTENSIBLE and len(chunk) >= 26:
        codec = struct.unpack_from("<H", chunk, 24)[0]
    if (codec, bits) not in _DECODERS:
        raise DataError(
            f"{name}: wav codec {codec} with {bits} bits; accepted: PCM of 8, 16, 24 or 32 bits"
            " (codec 1), floats of 32 or 64 (codec 3)"
        )
    if not channels or not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise DataError(
            f"{name}: {channels} channels at {rate} Hz; accepted: 1 or more, at {_LOWEST_RATE}"
            f" to {_HIGHEST_RATE} Hz"
        )
    return codec, channels, rate, bits


def _sound(form: tuple[int, int, int, int], samples: memoryview, name: str) -> _Sound:
    codec, channels, rate, bits = form
    whole = len(samples) - len(samples) % (channels * bits // 8)
    if not whole:
        raise DataError(f"{name}: a wav file without a sample; record it again or remove it")
    return _Sound(codec, channels, rate, bits, samples[:whole])


def _decoded(sound: _Sound) -> np.ndarray:
    """Samples in [-1, 1), channels interleaved."""
    return _DECODERS[sound.codec, sound.bits](sound.samples)


def _decode_24(samples: memoryview) -> np.ndarray:
    low, middle, high = np.frombuffer(samples, np.uint8).reshape(-1, 3).T.astype(np.int32)
    return ((low << 8 | middle << 16 | high << 24) >> 8) / 2.0**23


# (codec, bits) -> its samples in [-1, 1); only 8-bit PCM is unsigned.
_DECODERS = {
    (_PCM, 8): lambda samples: np.frombuffer(samples, np.uint8) / 128.0 - 1.0,
    (_PCM, 16): lambda samples: np.frombuffer(samples, "<i2") / 2.0**15,
    (_PCM, 24): _decode_24,
    (_PCM, 32): lambda samples: np.frombuffer(samples, "<i4") / 2.0**31,
    (_FLOAT, 32): lambda samples: np.nan_to_num(np.frombuffer(samples, "<f4").astype(float)),
    (_FLOAT, 64): lambda samples: np.nan_to_num(np.frombuffer(samples, "<f8")),
}
