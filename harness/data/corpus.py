"""Words as flat arrays of subword ids on disk, read through memory maps.

A split and language is two files: `.ids` (all sentences end to end) and `.lengths` (int32).
"""

from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from harness.data import words
from harness.data.vocabulary import Vocabulary

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

    Attributes:
        ids: Memory map, [total].
        lengths: int32 [n].
        starts: int64 [n].
    """

    ids: np.ndarray
    lengths: np.ndarray
    starts: np.ndarray

    @classmethod
    def open(cls, folder: Path, split: str, language: str, vocabulary_size: int) -> "Side":
        """From a folder of `encode`; only the lengths are read."""
        path = folder / f"{split}.{language}"
        lengths = np.fromfile(f"{path}.lengths", np.int32)
        ends = np.cumsum(lengths, dtype=np.int64)
        dtype = dtype_of(vocabulary_size)
        # An empty file cannot be mapped.
        ids = np.memmap(f"{path}.ids", dtype, "r") if ends[-1:].any() else np.zeros(0, dtype)
        return cls(ids, lengths, ends - lengths)

    def padded(self, numbers: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Sentences as rows cut to `width` and padded with 0; and their lengths then.

        Args:
            numbers: of the sentences, [b].
            width: of the rows.

        Returns:
            int32 [b, width], int32 [b].
        """
        lengths = np.minimum(self.lengths[numbers], width)
        columns = np.arange(width)
        inside = columns < lengths[:, None]
        places = self.starts[numbers][:, None] + columns
        rows = np.zeros(inside.shape, np.int32)
        rows[inside] = self.ids[places[inside]]
        return rows, lengths
