"""Where the bytes of each photograph of a set lie: in a file of their own, or in a large one.

Photographs are never unpacked or held in memory: an index of names, places and sizes is, and
each photograph is read when a batch wants it.
"""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from harness.data.images.photos import file as photo_file
from harness.errors import DataError

#: So many photographs are looked at by `check`, spread evenly over a larger set.
CHECKED = 20_000
#: Sets up to so many bytes are hashed whole; of larger ones, so many photographs.
HASHED_WHOLE, HASHED = 256_000_000, 256


@dataclass(frozen=True)
class Photos(ABC):
    """Photographs by number.

    Attributes:
        names: Of each, as bytes.
        sizes: Bytes of each.
        labels: Class of each.
    """

    names: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray

    def taken(self, index: np.ndarray) -> Self:
        """Some of the photographs, or all in another order."""
        columns = {name: getattr(self, name)[index] for name in self._columns()}
        return replace(self, **columns)

    def labelled(self, labels: np.ndarray) -> Self:
        """The photographs with other classes."""
        return replace(self, labels=np.asarray(labels, np.int64))

    @classmethod
    def _columns(cls) -> tuple[str, ...]:
        return ("names", "sizes", "labels")

    @abstractmethod
    def content(self, number: int) -> bytes:
        """A photograph's bytes."""

    @abstractmethod
    def ends(self, number: int) -> tuple[bytes, bytes]:
        """Its first and its last few bytes."""

    @abstractmethod
    def place(self, number: int) -> str:
        """Where it is, for a message."""

    @abstractmethod
    def reader(self) -> Callable[[Any], Any]:
        """A TensorFlow function from a number to the bytes."""


@dataclass(frozen=True)
class FilePhotos(Photos):
    """Photographs in files of their own, below the folder `root`."""

    root: Path

    def content(self, number: int) -> bytes:
        """The file's bytes."""
        try:
            return Path(self.place(number)).read_bytes()
        except OSError as error:
            raise DataError(f"{self.place(number)}: cannot be read ({error.strerror})") from error

    def ends(self, number: int) -> tuple[bytes, bytes]:
        """The file's first and last bytes."""
        return _ends(self.place(number), 0, int(self.sizes[number]))

    def place(self, number: int) -> str:
        """The file's path."""
        return os.path.join(self.root, os.fsdecode(self.names[number]))

    def reader(self) -> Callable[[Any], Any]:
        """Reads in TensorFlow, without Python."""
        import tensorflow as tf

        names, root = tf.constant(self.names), f"{self.root}{os.sep}"
        return lambda number: tf.io.read_file(root + names[number])


@dataclass(frozen=True)
class PackedPhotos(Photos):
    """Photographs within large files: the members of a tar, or records of TFDS.

    Attributes:
        files: The large files.
        file: In which of them each photograph is.
        offsets: Where it begins.
    """

    files: tuple[str, ...]
    file: np.ndarray
    offsets: np.ndarray

    @classmethod
    def _columns(cls) -> tuple[str, ...]:
        return (*super()._columns(), "file", "offsets")

    def content(self, number: int) -> bytes:
        """The photograph's bytes."""
        path, size = self.files[self.file[number]], int(self.sizes[number])
        content = _read(path, int(self.offsets[number]), size)
        if len(content) != size:
            raise DataError(f"{self.place(number)}: cannot be read; has the file changed?")
        return content

    def ends(self, number: int) -> tuple[bytes, bytes]:
        """Its first and last bytes."""
        begin = int(self.offsets[number])
        return _ends(self.files[self.file[number]], begin, int(self.sizes[number]))

    def place(self, number: int) -> str:
        """The large file's path, and the photograph's name."""
        return f"{self.files[self.file[number]]}:{os.fsdecode(self.names[number])}"

    def reader(self) -> Callable[[Any], Any]:
        """Reads through Python: TensorFlow has no operation that reads a part of a file."""
        import tensorflow as tf

        def read(number: Any) -> bytes:
            return self.content(int(number))

        def content(number: Any) -> Any:
            # Called stateful, it would make tf.data read one photograph at a time wherever
            # TensorFlow's kernels are to be deterministic.
            found = tf.numpy_function(read, [number], tf.string, stateful=False)
            return tf.ensure_shape(found, [])

        return content


def check(photos: Photos) -> None:
    """Refuses empty photographs, and truncated ones and other files by their first and last bytes.

    Of a set larger than `CHECKED`, so many are looked at.

    Raises:
        DataError: names the photograph.
    """
    empty = np.flatnonzero(np.asarray(photos.sizes) == 0)
    if len(empty):
        raise DataError(f"{photos.place(int(empty[0]))}: an empty file; fetch it again")
    for number in _spread(len(photos.sizes), CHECKED):
        if not photo_file.is_whole(*photos.ends(number)):
            photo_file.require_whole(photos.content(number), photos.place(number))


def fingerprint(*parts: Photos) -> str:
    """sha256 over names, sizes and classes of all photographs, and over contents.

    The contents of a set up to `HASHED_WHOLE` bytes all count, those of `HASHED` photographs
    of a larger one.
    """
    total = hashlib.sha256()
    for photos in parts:
        order = np.argsort(photos.names, kind="stable")
        total.update(f"{len(order)}:".encode())
        for name in photos.names[order]:
            total.update(b"%d:%b" % (len(name), name))
        total.update(np.asarray(photos.sizes, "<i8")[order].tobytes())
        total.update(np.asarray(photos.labels, "<i8")[order].tobytes())
        whole = int(np.sum(photos.sizes)) <= HASHED_WHOLE
        for place in _spread(len(order), len(order) if whole else HASHED):
            total.update(photos.content(int(order[place])))
    return total.hexdigest()


def _spread(count: int, most: int) -> list[int]:
    """Up to `most` of the numbers below `count`, evenly spread."""
    return [number * count // most for number in range(most)] if count > most else [*range(count)]


def _ends(path: str, begin: int, size: int) -> tuple[bytes, bytes]:
    head = min(photo_file.HEAD, size)
    tail = min(photo_file.TAIL, size)
    return _read(path, begin, head), _read(path, begin + size - tail, tail)


def _read(path: str, begin: int, size: int) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            content = os.pread(file.fileno(), size, begin)
            while len(content) < size:  # one call need not give all
                more = os.pread(file.fileno(), size - len(content), begin + len(content))
                if not more:
                    break
                content += more
            return content
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


@dataclass(frozen=True)
class Part:
    """Some of a set's photographs, by their numbers."""

    photos: Photos
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    @property
    def labels(self) -> np.ndarray:
        """Class of each."""
        return np.asarray(self.photos.labels, np.int64)[self.index]
