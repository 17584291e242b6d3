"""Parallel text as flat arrays of subword ids on disk, read through memory maps.

A split and language is four files: `.ids` (all sentences end to end), `.lengths` (int32) and,
of held-out splits, `.sentences` (as they came) and `.words` (as they are scored), one a line.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np

SPLITS = ("train", "validation", "test")
_REPORT = "report.json"


@dataclass
class Report:
    """What became of the lines of the training files."""

    pairs: int = 0
    empty: int = 0
    too_long: int = 0
    held_out: int = 0

    @property
    def kept(self) -> int:
        """Pairs to train on."""
        return self.pairs - self.empty - self.too_long - self.held_out

    def add(self, other: "Report") -> None:
        """Counts another part's lines too."""
        for name, count in asdict(other).items():
            setattr(self, name, getattr(self, name) + count)

    def __str__(self) -> str:
        return (
            f"{self.kept:,} of {self.pairs:,} training pairs ({self.empty:,} empty,"
            f" {self.too_long:,} too long, {self.held_out:,} held out)"
        )


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


@dataclass(frozen=True)
class Corpus:
    """An encoded corpus in a folder.

    Attributes:
        folder: Where it was written.
        dtype: Of its ids.
        report: What became of the training files' lines.
    """

    folder: Path
    dtype: np.dtype
    report: Report

    @classmethod
    def open(cls, folder: Path, vocabulary_size: int) -> "Corpus":
        """The corpus that was written to a folder, in subwords of such a vocabulary."""
        report = Report(**json.loads((folder / _REPORT).read_text("utf-8")))
        return cls(folder, dtype_of(vocabulary_size), report)

    def side(self, split: str, language: str) -> Side:
        """One language of a split; only its lengths are read."""
        path = self.folder / f"{split}.{language}"
        lengths = np.fromfile(f"{path}.lengths", np.int32)
        ends = np.cumsum(lengths, dtype=np.int64)
        # An empty file cannot be mapped.
        ids = np.memmap(f"{path}.ids", self.dtype, "r") if ends[-1:].any() else _NOTHING
        return Side(ids, lengths, ends - lengths)

    def text(self, split: str, language: str) -> tuple[list[str], list[str]]:
        """The sentences of a held-out split as they came, and as words joined by spaces."""
        path = self.folder / f"{split}.{language}"
        sentences, words = (
            Path(f"{path}.{kind}").read_bytes().decode("utf-8").split("\n")[:-1]
            for kind in ("sentences", "words")
        )
        return sentences, words


_NOTHING = np.zeros(0, np.int32)


def dtype_of(vocabulary_size: int) -> np.dtype:
    """The smallest of the types that hold such ids: half the disk for most vocabularies."""
    return np.dtype(np.uint16 if vocabulary_size <= 1 << 16 else np.int32)


@dataclass
class Encoded:
    """Some pairs of one language and split, on their way to the files."""

    ids: np.ndarray
    lengths: np.ndarray
    sentences: list[str]
    words: list[str]


class Writer:
    """Appends to the files of one language of a split.

    Args:
        folder: of the corpus.
        split: train, validation or test.
        language: its code.
    """

    def __init__(self, folder: Path, split: str, language: str):
        self._files: dict[str, IO[bytes]] = {
            kind: open(folder / f"{split}.{language}.{kind}", "wb")  # noqa: SIM115 - see close
            for kind in ("ids", "lengths", "sentences", "words")
        }

    def add(self, encoded: Encoded) -> None:
        """Appends pairs."""
        encoded.ids.tofile(self._files["ids"])
        encoded.lengths.tofile(self._files["lengths"])
        for kind in ("sentences", "words"):
            texts = getattr(encoded, kind)
            self._files[kind].write("".join(f"{text}\n" for text in texts).encode())

    def close(self) -> None:
        """Closes the files."""
        for file in self._files.values():
            file.close()


def write_report(folder: Path, report: Report) -> None:
    """Keeps what became of the lines."""
    (folder / _REPORT).write_text(json.dumps(asdict(report)), encoding="utf-8")
