"""Anyone's words: label/*.wav in any shape, split by recording or by speaker."""

import os
import subprocess
import sys

import numpy as np
import pytest

from harness import data
from harness.data.speech.sound.noise import NOISE
from harness.data.speech.sound.options import AugmentationOptions
from harness.data.speech.sound.recordings import Folder, share
from harness.data.speech.speech_folder import SpeechFolder
from harness.errors import DataError
from tests.data.speech.speech_files import tone, write, write_fsdd, write_words

SPEAKERS = [f"speaker{number}" for number in range(10)]
BY_SPEAKER = {"speaker_pattern": "^(.+)_nohash_"}


def config(data_dir, **options):
    given = {"name": "speech_folder", "source": "folder", "data_dir": str(data_dir)} | options
    return SpeechFolder(**given)


@pytest.fixture
def words(tmp_path):
    return write_words(tmp_path / "words", ["hallo", "danke", "nein"], SPEAKERS, noises=0)


def sounds(split):
    return {sound.tobytes() for sound in split.inputs}


def test_folders_are_classes_in_the_order_of_their_names(words):
    loaded = data.load(config(words))
    assert loaded.classes == ("danke", "hallo", "nein")
    splits = (loaded.train_split, loaded.validation_split, loaded.test_split)
    counts = [np.bincount(split.labels).tolist() for split in splits]
    assert counts == [[8, 8, 8], [1, 1, 1], [1, 1, 1]]
    assert len(set.union(*map(sounds, splits))) == 30, "no recording is in two splits"


def test_linked_folders_are_heard_like_others_and_a_link_back_ends(words, tmp_path):
    write(words / NOISE / "hum.wav", tone(50, 1.5))
    (words / "nein" / ".hidden").mkdir()
    linked = tmp_path / "linked"
    linked.mkdir()
    for name in ("danke", "hallo", "nein", NOISE):
        (linked / name).symlink_to(words / name)
    (words / "nein" / "up").symlink_to(linked)
    (words / "nein" / "more").symlink_to(words / "danke")  # in a word, not a word
    one, other = Folder(words).names(), Folder(linked).names()
    assert [name for name in one if name.count("/") == 1] == [
        name for name in other if name.count("/") == 1
    ]
    assert f"{NOISE}/hum.wav" in other
    assert len([name for name in other if name.startswith("nein/more/")]) == 10
    data.require(config(linked))
    assert data.fingerprint(config(linked)) == data.fingerprint(config(words))


def test_a_name_that_is_no_utf_8_is_fingerprinted(words):
    before = data.fingerprint(config(words))
    made = words / "danke" / "speaker0_nohash_1.wav"
    made.rename(os.fsdecode(bytes(words / "danke") + b"/caf\xe9_nohash_1.wav"))
    data.require(config(words, **BY_SPEAKER))
    assert data.fingerprint(config(words)) != before
    assert 0 <= share(os.fsdecode(b"caf\xe9")) < 100


def test_no_speaker_is_in_two_splits(words):
    loaded = data.load(config(words, **BY_SPEAKER))
    sizes = [len(s) for s in (loaded.train_split, loaded.validation_split, loaded.test_split)]
    assert sizes == [24, 3, 3]
    other = data.load(config(words, split_seed=1, **BY_SPEAKER))
    assert sounds(other.test_split) != sounds(loaded.test_split)
    # The tones of write_words tell the speaker: 200 Hz + 50 a word + 1 a speaker.
    spectrum = np.abs(np.fft.rfft(loaded.test_split.inputs.astype(float), 16_000 * 8))
    assert len(set(np.rint(spectrum.argmax(axis=1) / 8 % 50))) == 1


def test_any_rate_width_and_channels(words):
    write(words / "danke" / "stereo.wav", np.stack([tone(300)] * 2, axis=1))
    write(words / "danke" / "cd.wav", tone(300, rate=44_100), rate=44_100)
    loaded = data.load(config(words))
    assert loaded.num_train + len(loaded.validation_split) + len(loaded.test_split) == 32


def test_noise_beside_the_words_is_no_class(words):
    write(words / NOISE / "hum.wav", tone(50, 2.0))
    augmentation = AugmentationOptions(noise_probability=0.5)
    loaded = data.load(config(words, augmentation=augmentation))
    assert loaded.num_classes == 3
    assert [len(sound) for sound in loaded.noise] == [32_000]


def test_noise_that_is_asked_for_and_missing_is_told(words):
    augmentation = AugmentationOptions(noise_probability=0.5)
    with pytest.raises(DataError, match=f"{NOISE}: no background noise .*noise_probability=0"):
        data.require(config(words, augmentation=augmentation))


def test_noise_too_short_is_refused_by_name(words):
    write(words / NOISE / "click.wav", tone(50, 0.5))
    with pytest.raises(DataError, match=r"click\.wav: 0\.50 s of noise; accepted: 1 s or more"):
        data.require(config(words))


def test_an_empty_class_is_refused_by_name(words):
    (words / "bitte").mkdir()
    (words / "bitte" / "bitte.mp3").touch()
    with pytest.raises(DataError, match=r"bitte: no wav file in this class \(found: bitte\.mp3\)"):
        data.require(config(words))


def test_a_damaged_file_is_refused_by_name(words):
    (words / "danke" / "broken.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVE")
    with pytest.raises(DataError, match=r"danke/broken\.wav: truncated"):
        data.require(config(words))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"speaker_pattern": "^(.+)-"}, "danke/.*: .*finds no speaker in its name"),
        ({"speaker_pattern": "^(s).*_nohash_"}, r"finds 1 speakers \(s\); accepted: 3 or more"),
    ],
)
def test_speakers_that_cannot_be_told_apart(words, options, complaint):
    with pytest.raises(DataError, match=complaint):
        data.require(config(words, **options))


def test_a_word_that_only_some_speakers_say(words):
    for path in list((words / "nein").glob("*.wav"))[1:]:
        path.unlink()
    with pytest.raises(DataError, match=r"no (training|test) speaker says nein"):
        data.require(config(words, **BY_SPEAKER))


def test_too_few_folders(tmp_path):
    write_fsdd(tmp_path)
    with pytest.raises(DataError, match="0 folders of recordings there"):
        data.require(config(tmp_path))


def test_checks_and_fingerprints_import_nothing_heavy(words, tmp_path):
    write_fsdd(tmp_path / "fsdd")
    code = f"""
import sys
from harness import data
from harness.config import compose
for name, folder in (("speech_folder", {str(words)!r}), ("fsdd", {str(tmp_path / "fsdd")!r})):
    overrides = ["model=ds_cnn_l", f"dataset={{name}}", f"dataset.data_dir={{folder}}"]
    dataset = compose(overrides).dataset
    data.require(dataset)
    assert len(data.fingerprint(dataset)) == 64
heavy = {{"tensorflow", "keras", "mlflow", "pandas"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)
