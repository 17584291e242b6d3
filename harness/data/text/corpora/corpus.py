"""Words as flat arrays of subword ids on disk, of which a batch reads its own sentences.

A split and language is two files: `.ids` (all sentences end to end) and `.lengths` (int32).
"""

import os
import weakref
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from harness.data.text.corpora import words
from harness.data.text.corpora.vocabulary import Vocabulary
from harness.errors import DataError

_CHUNK = 10_000


def encode(text: Path, languages: tuple[str, str], subwords: Vocabulary, folder: Path) -> None:
    """Encodes a folder of words into another, a chunk of sentences at a time."""
    for split in words.SPLITS:
        for language in languages:
            sentences = words.read(text, split, language)
            path = folder / f"{split}.{language}"
            with open(f"{path}.ids", "wb") as ids, open(f"{path}.lengths", "wb") as lengths:
                while chunk := list(islice(sentences, _CHUNK)):
                    encoded = [subwords.encode(sentence) for sentence in chunk]
                    flat = chain.from_iterable(encoded)
                    np.fromiter(flat, dtype_of(subwords.size)).tofile(ids)
                    np.fromiter(map(len, encoded), np.int32).tofile(lengths)


def dtype_of(vocabulary_size: int) -> np.dtype:
    """The smaller of two types that hold such ids: half the disk for most vocabularies."""
    return np.dtype(np.uint16 if vocabulary_size <= 1 << 16 else np.int32)


@dataclass(frozen=True)
class Side:
    """One language of a split: ids end to end, and where each sentence's begin.

    Sentences are read, not mapped: in random order every page of a map is touched, and counts as
    this process's memory. Reads are by position, so any number of threads may share the file.

    Attributes:
        descriptor: of the file of ids, open as long as this object lives.
        dtype: of the ids.
        lengths: int32 [n].
        starts: int64 [n].
    """

    descriptor: int
    dtype: np.dtype
    lengths: np.ndarray
    starts: np.ndarray

    @classmethod
    def open(cls, folder: Path, split: str, language: str, vocabulary_size: int) -> "Side":
        """From a folder of `encode`; only the lengths are read.

        Raises:
            DataError: the ids are more or fewer than the lengths say.
        """
        path = folder / f"{split}.{language}"
        lengths, dtype = np.fromfile(f"{path}.lengths", np.int32), dtype_of(vocabulary_size)
        ends = np.cumsum(lengths, dtype=np.int64)
        expected = int(lengths.sum(dtype=np.int64)) * dtype.itemsize
        if (size := os.path.getsize(f"{path}.ids")) != expected:
            raise DataError(
                f"{path}.ids: {size:,} bytes; accepted: {expected:,}, as {path.name}.lengths says;"
                f" delete {folder}, and it is made anew"
            )
        descriptor = os.open(f"{path}.ids", os.O_RDONLY)
        side = cls(descriptor, dtype, lengths, ends - lengths)
        # At exit, threads that prepare batches ahead may still read.
        weakref.finalize(side, os.close, descriptor).atexit = False
        return side

    def sentence(self, number: int, longest: int) -> np.ndarray:
        """The first ids of a sentence, at most `longest`: [l]."""
        size, count = self.dtype.itemsize, min(int(self.lengths[number]), longest)
        return np.frombuffer(
            os.pread(self.descriptor, count * size, int(self.starts[number]) * size), self.dtype
        )

    def padded(self, numbers: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Sentences as rows cut to `width` and padded with 0; and their lengths then.

        Args:
            numbers: of the sentences, [b].
            width: of the rows.

        Returns:
            int32 [b, width], int32 [b].
        """
        rows = np.zeros((len(numbers), width), np.int32)
        lengths = np.minimum(self.lengths[numbers], width)
        for row, number, length in zip(rows, numbers.tolist(), lengths.tolist(), strict=True):
            row[:length] = self.sentence(number, width)
        return rows, lengths
