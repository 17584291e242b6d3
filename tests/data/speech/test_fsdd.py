"""The spoken digits from a folder and from an archive, split by speaker."""

import tarfile

import numpy as np
import pytest

from harness import data
from harness.data.speech.fsdd import Fsdd
from harness.data.speech.sound.options import ClipOptions
from harness.errors import DataError
from tests.data.speech.speech_files import write, write_fsdd


def config(data_dir, **options):
    folder = None if data_dir is None else str(data_dir)
    given = {"name": "fsdd", "source": "recordings", "data_dir": folder} | options
    return Fsdd(**given)


@pytest.fixture
def folder(tmp_path):
    return write_fsdd(tmp_path / "recordings", each=10)


def test_training_never_hears_the_test_speaker(folder):
    loaded = data.load(config(folder))
    sizes = [len(s) for s in (loaded.train_split, loaded.validation_split, loaded.test_split)]
    assert sizes == [180, 20, 100]
    assert np.bincount(loaded.validation_split.labels).tolist() == [2] * 10
    theirs = {sound.tobytes() for sound in loaded.test_split.inputs}
    ours = np.concatenate([loaded.train_split.inputs, loaded.validation_split.inputs])
    assert not theirs & {sound.tobytes() for sound in ours}
    george = data.load(config(folder, test_speaker="george"))
    assert not theirs & {sound.tobytes() for sound in george.test_split.inputs}
    assert george.fingerprint == loaded.fingerprint, "the same data, split otherwise"


def test_recordings_are_resampled_and_padded_to_a_second(folder):
    loaded = data.load(config(folder))
    assert loaded.train_split.inputs.shape[1:] == (16_000,)
    heard, rest = loaded.test_split.inputs[:, :1_600], loaded.test_split.inputs[:, 1_600:]
    assert np.abs(heard).max(axis=1).min() > 15_000
    assert not rest.any()
    # theo's first zero is a tone of 320 Hz: 16 kHz leaves its pitch as it was
    assert np.abs(np.fft.rfft(loaded.test_split.inputs[0])).argmax() == pytest.approx(320, abs=5)


def test_longer_recordings_are_cut(folder):
    write(folder / "3_theo_99.wav", np.arange(12_000, dtype=np.int16), rate=8_000)
    loaded = data.load(config(folder))
    assert loaded.test_split.inputs.shape == (101, 16_000)
    assert loaded.test_split.inputs[:, -1].max() > 7_000


def test_clips_are_brought_to_a_level_above_a_floor_in_the_middle(folder):
    write(folder / "3_theo_99.wav", np.full(800, 50, np.int16), rate=8_000)  # faint
    shape = ClipOptions(level_db=-20.0, floor_db=-60.0, centered=True)
    sounds = data.load(config(folder, clip=shape)).test_split.inputs.astype(float)
    assert sounds.shape == (101, 16_000)
    rms = np.sqrt(np.square(sounds[:, 7_200:8_800]).mean(axis=1)) / 2**15
    np.testing.assert_allclose(20 * np.log10(rms), -20, atol=0.6)
    around = np.concatenate([sounds[:, :7_100], sounds[:, 8_900:]], axis=1)
    floor = np.sqrt(np.square(around).mean(axis=1)) / 2**15
    np.testing.assert_allclose(20 * np.log10(floor), -60, atol=0.5)
    np.testing.assert_array_equal(around[0], around[1], "the same floor below every clip")


def test_silence_has_no_level_to_bring(folder):
    write(folder / "3_theo_99.wav", np.zeros(800, np.int16), rate=8_000)
    loaded = data.load(config(folder, clip=ClipOptions(level_db=-20.0)))
    assert (loaded.test_split.inputs == 0).all(axis=1).sum() == 1


def test_folder_repository_and_archive_are_the_same_data(folder, tmp_path):
    with tarfile.open(tmp_path / "fsdd.tar.gz", "w:gz") as tar:
        tar.add(folder, "recordings")
        tar.add(folder / "0_theo_0.wav", "recordings/._0_theo_0.wav")  # as macOS leaves
    found = [data.load(config(path)) for path in (folder, tmp_path, tmp_path / "fsdd.tar.gz")]
    assert len({one.fingerprint for one in found}) == 1
    for one in found[1:]:
        np.testing.assert_array_equal(one.train_split.inputs, found[0].train_split.inputs)
        np.testing.assert_array_equal(one.train_split.labels, found[0].train_split.labels)


def test_another_sample_is_another_fingerprint(folder):
    before = data.fingerprint(config(folder))
    path = folder / "0_theo_0.wav"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert data.fingerprint(config(folder)) != before


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "empty file"), (b"RIFF", "not a wav file")],
)
def test_a_damaged_recording_is_refused_by_name(folder, content, complaint):
    (folder / "4_george_1.wav").write_bytes(content)
    for stage in (data.require, data.load):
        with pytest.raises(DataError, match=rf"4_george_1\.wav: {complaint}"):
            stage(config(folder))


def test_a_truncated_recording_in_an_archive_is_refused_by_name(folder, tmp_path):
    path = folder / "4_george_1.wav"
    path.write_bytes(path.read_bytes()[:-100])
    with tarfile.open(tmp_path / "fsdd.tar.gz", "w:gz") as tar:
        tar.add(folder, "recordings")
    complaint = r"fsdd\.tar\.gz:recordings/4_george_1\.wav: truncated"
    with pytest.raises(DataError, match=complaint):
        data.require(config(tmp_path / "fsdd.tar.gz"))


def test_a_truncated_archive_is_refused(folder, tmp_path):
    path = tmp_path / "fsdd.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, "recordings")
    path.write_bytes(path.read_bytes()[:2_000])
    with pytest.raises(DataError, match=r"fsdd\.tar\.gz: cannot be read"):
        data.require(config(path))


def test_an_archive_that_is_damaged_anywhere_is_refused(folder, tmp_path):
    for kind in ("gz", "xz"):
        path = tmp_path / f"fsdd.tar.{kind}"
        with tarfile.open(path, f"w:{kind}") as tar:
            tar.add(folder, "recordings")
        whole = path.read_bytes()
        data.require(config(path))
        for place in (len(whole) // 3, len(whole) // 2, len(whole) - 7):  # the last: a checksum
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
            with pytest.raises(DataError, match=rf"fsdd\.tar\.{kind}: cannot be read"):
                data.require(config(path))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"data_dir": None}, r"dataset\.data_dir: none received; accepted: .*free-spoken-digit"),
        ({"data_dir": "nowhere"}, "nowhere: no such folder"),
        ({"test_speaker": "homer"}, "test_speaker=homer: .* has george, jackson, theo"),
    ],
)
def test_what_cannot_be_found_is_told(folder, given, complaint):
    with pytest.raises(DataError, match=complaint):
        data.require(config(**{"data_dir": folder} | given))


def test_other_layouts_and_holes_are_told(folder, tmp_path):
    write(tmp_path / "other" / "yes" / "a.wav", np.ones(5, np.int16))
    with pytest.raises(DataError, match=r"no recording there \(wav files found: a\.wav\)"):
        data.require(config(tmp_path / "other"))
    for path in folder.glob("7_theo_*.wav"):
        path.unlink()
    with pytest.raises(DataError, match="theo says no 7"):
        data.require(config(folder))
