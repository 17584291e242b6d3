"""Folders of photographs, a folder a class."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from harness.data.images.photos.pipeline import FilePhotos
from harness.errors import DataError

#: What counts as a photograph, in any case.
SUFFIXES = (".jpg", ".jpeg", ".png")


def class_names(root: Path) -> list[str]:
    """Names of the folders, sorted; hidden ones are passed over.

    Raises:
        DataError: The folder cannot be read.
    """
    with _readable(root), os.scandir(root) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and entry.name[0] != ".")


def by_class(root: Path, classes: Iterable[str], places: Iterable[str] = ("",)) -> FilePhotos:
    """The photographs of `root/PLACE/CLASS/*` for all places, each class sorted by name.

    Raises:
        DataError: names a class that holds no photograph.
    """
    names: list[bytes] = []
    sizes: list[int] = []
    labels: list[int] = []
    places = tuple(places)
    for label, name in enumerate(classes):
        before = len(names)
        for place in places:
            found = _files(root, os.path.join(place, name))
            names += [entry[0] for entry in found]
            sizes += [entry[1] for entry in found]
        if len(names) == before:
            raise DataError(
                f"{root / places[0] / name}: no {', '.join(SUFFIXES)} file in this class;"
                " add photographs or remove the folder"
            )
        labels += [label] * (len(names) - before)
    return _photos(root, names, sizes, labels)


def flat(root: Path, place: str) -> FilePhotos:
    """The photographs of one folder, sorted by name, without a class (all 0).

    Raises:
        DataError: There are none.
    """
    found = _files(root, place)
    if not found:
        raise DataError(f"{root / place}: no {', '.join(SUFFIXES)} file there; unpack it again")
    return _photos(root, [name for name, _ in found], [size for _, size in found], [0] * len(found))


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # a broken link among the photographs, too
        raise DataError(f"{error.filename or folder}: cannot be read ({error.strerror})") from error


def _files(root: Path, place: str) -> list[tuple[bytes, int]]:
    """(path below the root, bytes) of the photographs in a folder, sorted."""
    with _readable(root / place), os.scandir(root / place) as entries:
        return sorted(
            (os.fsencode(os.path.join(place, entry.name)), entry.stat().st_size)
            for entry in entries
            if entry.name.lower().endswith(SUFFIXES) and entry.name[0] != "."
        )


def _photos(root: Path, names: list[bytes], sizes: list[int], labels: list[int]) -> FilePhotos:
    return FilePhotos(
        names=np.array(names, "S"),
        sizes=np.array(sizes, np.int64),
        labels=np.array(labels, np.int64),
        root=root,
    )
