"""Where the photographs lie within tar archives and TFRecords, found once and kept.

Finding them reads every header of an archive, which for the 1.28 million of ImageNet takes
minutes; so the index is kept in the cache's folder (`harness.data.cache`), under the names, sizes
and times of the files.
"""

import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.data import cache
from harness.data.images.photos.pipeline import PackedPhotos

#: Raised when indices of before would be read wrongly.
_FORMAT = 1


class Entry(NamedTuple):
    """One photograph: its class's name (or number), its own, and its bytes' place."""

    group: str
    name: str
    offset: int
    size: int


def packed(
    files: Sequence[Path], entries: Callable[[Path], Iterator[Entry]]
) -> tuple[PackedPhotos, np.ndarray]:
    """The photographs in some large files, from the kept index if there is one.

    Args:
        files: The large files.
        entries: Finds the photographs in one of them.

    Returns:
        The photographs, all of class 0, and the name of each one's group, as bytes.
    """
    path = _kept(files, entries.__name__)
    columns = _load(path)
    if columns is None:
        rows = [(at, *entry) for at, file in enumerate(files) for entry in entries(file)]
        columns = {
            "which": np.array([row[0] for row in rows], np.int32),
            "group": np.array([os.fsencode(row[1]) for row in rows], "S"),
            "name": np.array([os.fsencode(row[2]) for row in rows], "S"),
            "offset": np.array([row[3] for row in rows], np.int64),
            "size": np.array([row[4] for row in rows], np.int64),
        }
        _save(path, columns)
    photos = PackedPhotos(
        names=columns["name"],
        sizes=columns["size"],
        labels=np.zeros(len(columns["which"]), np.int64),
        files=tuple(map(str, files)),
        file=columns["which"],
        offsets=columns["offset"],
    )
    return photos, columns["group"]


def _kept(files: Sequence[Path], kind: str) -> Path:
    stats = [(str(path.absolute()), path.stat()) for path in files]
    parts = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    key = hashlib.sha256(repr((_FORMAT, kind, parts)).encode()).hexdigest()
    return cache.folder_of() / f"photos-{key[:32]}.npz"


def _load(path: Path) -> dict[str, np.ndarray] | None:
    try:
        with np.load(path, allow_pickle=False) as columns:
            return {name: columns[name] for name in ("which", "group", "name", "offset", "size")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None  # not there, or damaged: found again


def _save(path: Path, columns: dict[str, Any]) -> None:
    """Keeps the index where that is possible; without it, it is found again."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".photos-", dir=path.parent) as temporary:
            new = Path(temporary, "new.npz")
            np.savez(new, **columns)
            os.replace(new, path)
