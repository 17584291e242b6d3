"""Speech Commands as its archive unpacks and as TFDS prepares it."""

import hashlib
import shutil

import numpy as np
import pytest

from harness import data
from harness.config import compose
from harness.data.speech.sound.noise import NOISE
from harness.data.speech.sound.options import AugmentationOptions
from harness.data.speech.speech_commands import (
    SILENCE,
    TFDS_CLASSES,
    UNKNOWN,
    SpeechCommands,
    which_split,
)
from harness.errors import DataError
from tests.data.prepared import write_prepared
from tests.data.speech.speech_files import noise, tone, write, write_words

WORDS = ["yes", "no"]
OTHERS = ["bed", "cat"]


def speakers(count, split):
    """Names that the hash sends to a split."""
    names = (hashlib.md5(str(number).encode()).hexdigest()[:8] for number in range(10_000))
    chosen = (name for name in names if which_split(f"{name}_nohash_0.wav") == split)
    return [next(chosen) for _ in range(count)]


SPEAKERS = [*speakers(20, 0), *speakers(10, 1), *speakers(5, 2)]


def config(data_dir, **options):
    given = {"name": "speech_commands", "source": "raw", "words": WORDS}
    given |= {"augmentation": AugmentationOptions(noise_probability=0.8)}
    return SpeechCommands(data_dir=str(data_dir), **given | options)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    return write_words(tmp_path_factory.mktemp("raw"), [*WORDS, *OTHERS], SPEAKERS)


@pytest.fixture
def archive(tmp_path):
    return write_words(tmp_path / "raw", [*WORDS, *OTHERS], SPEAKERS)


@pytest.mark.parametrize(
    ("speaker", "split"),
    # by the archive's own validation_list.txt and testing_list.txt
    [("026290a7", 1), ("105a0eea", 2), ("0a7c2a8d", 0)],
)
def test_the_split_is_that_of_the_archive(speaker, split):
    assert {which_split(f"{word}/{speaker}_nohash_{n}.wav") for word in WORDS for n in (0, 7)} == {
        split
    }


def test_the_split_takes_a_tenth_of_the_speakers_each():
    names = [hashlib.md5(str(number).encode()).hexdigest()[:8] for number in range(4_000)]
    shares = np.bincount([which_split(f"{name}_nohash_0.wav") for name in names]) / 4_000
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.02)


def test_silence_and_unknown_are_added_to_each_split(unpacked):
    loaded = data.load(config(unpacked, unknown_percentage=20.0))
    assert loaded.classes == (SILENCE, UNKNOWN, "yes", "no")
    splits = (loaded.train_split, loaded.validation_split, loaded.test_split)
    counts = [np.bincount(split.labels).tolist() for split in splits]
    assert counts == [[4, 8, 20, 20], [2, 4, 10, 10], [1, 2, 5, 5]]
    for split in splits:
        silent = ~split.inputs.any(axis=1)
        np.testing.assert_array_equal(silent, split.labels == 0)


def test_labels_are_in_arms_order():
    shipped = compose(["model=ds_cnn_l", "dataset=speech_commands"]).dataset
    assert shipped.classes == (
        *("_silence_", "_unknown_", "yes", "no", "up", "down"),
        *("left", "right", "on", "off", "stop", "go"),
    )


def test_unknown_words_are_a_sample_that_follows_the_seed(unpacked):
    def unknown(seed):
        split = data.load(config(unpacked, split_seed=seed)).train_split
        return {sound.tobytes() for sound in split.inputs[split.labels == 1]}

    assert unknown(0) == unknown(0)
    assert unknown(0) != unknown(1)
    assert data.fingerprint(config(unpacked)) == data.load(config(unpacked)).fingerprint


def test_training_hears_noise_and_silence_is_sometimes_noisy(unpacked):
    loaded = data.load(config(unpacked, features="waveform"))
    assert [len(sound) for sound in loaded.noise] == [24_000, 24_000]
    x, y = next(loaded.train(len(loaded.train_split), seed=1).as_numpy_iterator())
    levels = np.abs(x[y == 0]).max(axis=1)
    assert (levels > 0).any()
    assert levels.max() <= 0.1


def test_a_missing_noise_folder_is_told(archive):
    for path in (archive / NOISE).iterdir():
        path.unlink()
    (archive / NOISE).rmdir()
    with pytest.raises(DataError, match=f"{NOISE}: no background noise"):
        data.require(config(archive))
    quiet = config(archive, augmentation=AugmentationOptions())
    data.require(quiet)
    assert data.load(quiet).noise == ()


def test_missing_and_empty_words_are_told(archive):
    with pytest.raises(DataError, match=r"go: no such word \(words found: bed, cat, no, yes\)"):
        data.require(config(archive, words=["go"]))
    for path in (archive / "no").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no: no wav file in this class"):
        data.require(config(archive))


def test_no_unknown_words_is_told(archive):
    with pytest.raises(DataError, match=r"no other words \(for unknown\) in the training split"):
        data.require(config(archive, words=[*WORDS, *OTHERS]))


def test_damaged_words_and_noise_are_refused_by_name(archive):
    word = archive / "yes" / f"{SPEAKERS[0]}_nohash_0.wav"
    whole = word.read_bytes()
    word.write_bytes(whole[:-2])
    with pytest.raises(DataError, match=rf"yes/{SPEAKERS[0]}_nohash_0\.wav: truncated"):
        data.require(config(archive))
    word.write_bytes(whole)
    write(archive / NOISE / "short.wav", tone(50))
    with pytest.raises(DataError, match=r"short\.wav: 0\.30 s of noise"):
        data.require(config(archive))


def test_the_packed_archive_is_told_to_be_unpacked(tmp_path):
    path = tmp_path / "speech_commands_v0.02.tar.gz"
    path.touch()
    with pytest.raises(DataError, match="a file; accepted: the unpacked"):
        data.require(config(path))


#: Of each word, of silence and of unknown, in the prepared files below.
COUNTS = {"train": (3, 1, 6), "validation": (2, 1, 4), "test": (1, 2, 3)}


class TestTfds:
    @pytest.fixture(scope="class")
    @staticmethod
    def prepared(tmp_path_factory):
        """For each split so many clips of each word, of silence and of unknown."""
        import tensorflow_datasets as tfds

        root = tmp_path_factory.mktemp("tfds")
        features = tfds.features.FeaturesDict(
            {
                "audio": tfds.features.Audio(file_format="wav", sample_rate=16_000),
                "label": tfds.features.ClassLabel(names=list(TFDS_CLASSES)),
            }
        )
        examples = {}
        for split, (each, silent, unknown) in COUNTS.items():
            clips = [(tone(200 + 50 * k + n), k) for k in range(10) for n in range(each)]
            clips += [(noise(1.0, seed), 10) for seed in range(silent)]
            clips += [(tone(2_000 + n), 11) for n in range(unknown)]
            examples[split] = [
                {"audio": sound.astype(np.int64), "label": label} for sound, label in clips
            ]
        write_prepared(root / "speech_commands" / "0.0.3", "speech_commands", features, examples)
        return root

    def config(self, root, **options):
        words = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
        return config(root, **{"source": "tfds", "words": words} | options)

    def test_labels_are_mapped_by_name(self, prepared):
        given = self.config(prepared)
        split = data.load(given).test_split
        classes = given.classes
        for sound, label in zip(split.inputs, split.labels, strict=True):
            if label > 1:
                hertz = np.abs(np.fft.rfft(sound[:4_800], 48_000)).argmax() / 3
                assert TFDS_CLASSES[round((hertz - 200) // 50)] == classes[label]
        counts = np.bincount(split.labels, minlength=12).tolist()
        assert counts == [2, 3, *[1] * 10], "the test split is taken as it is"

    def test_another_order_of_classes_is_refused(self, prepared, tmp_path):
        again = shutil.copytree(prepared, tmp_path / "again")
        listed = again / "speech_commands" / "0.0.3" / "label.labels.txt"
        assert listed.read_text().split() == list(TFDS_CLASSES)
        listed.write_text("\n".join(reversed(TFDS_CLASSES)))
        with pytest.raises(DataError, match=r"labels\.txt: classes _unknown_, _silence_, yes"):
            data.require(self.config(again))

    def test_unknown_is_thinned_and_silence_made(self, prepared):
        loaded = data.load(self.config(prepared))
        assert np.bincount(loaded.train_split.labels).tolist() == [3, 3, *[3] * 10]
        assert np.bincount(loaded.validation_split.labels).tolist() == [2, 2, *[2] * 10]
        np.testing.assert_array_equal(loaded.noise[0], noise(1.0, 0))
        assert not loaded.train_split.inputs[loaded.train_split.labels == 0].any()

    def test_unwanted_words_become_unknown(self, prepared):
        loaded = data.load(self.config(prepared, words=["yes", "no"]))
        assert np.bincount(loaded.test_split.labels).tolist() == [2, 3 + 8, 1, 1]

    def test_a_word_that_it_has_not_is_told(self, prepared):
        with pytest.raises(DataError, match=r"received bed with source=tfds.*source=raw"):
            data.require(self.config(prepared, words=["yes", "bed"]))

    def test_an_unprepared_folder_is_told_how(self, tmp_path):
        with pytest.raises(DataError, match="tfds build speech_commands --data_dir="):
            data.require(self.config(tmp_path))
