"""The photographs in the tar archives of ILSVRC 2012, found without unpacking."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from harness.data.images.photos.class_folders import SUFFIXES
from harness.data.images.photos.index import Entry
from harness.errors import DataError


def tar_of_tars(path: Path) -> Iterator[Entry]:
    """ILSVRC2012_img_train.tar: a tar of a tar for each synset."""
    with _opened(path) as outer:
        for member in outer:
            if not (member.isfile() and member.name.endswith(".tar")):
                continue
            with tarfile.open(fileobj=outer.extractfile(member), mode="r:") as inner:
                synset = PurePosixPath(member.name).stem
                for entry in _photographs(inner):
                    at = member.offset_data + entry.offset_data
                    yield Entry(synset, f"{synset}/{_name(entry)}", at, entry.size)


def flat_tar(path: Path) -> Iterator[Entry]:
    """ILSVRC2012_img_val.tar: photographs, without classes."""
    with _opened(path) as tar:
        for entry in _photographs(tar):
            yield Entry("", _name(entry), entry.offset_data, entry.size)


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """A tar archive that is not compressed; says what is wrong with it."""
    try:
        with tarfile.open(path, "r:") as tar:
            yield tar
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{path}: no whole tar archive ({error}); fetch it again") from error


def _photographs(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for entry in tar:
        if entry.isfile() and entry.name.lower().endswith(SUFFIXES):
            yield entry


def _name(entry: tarfile.TarInfo) -> str:
    return PurePosixPath(entry.name).name
