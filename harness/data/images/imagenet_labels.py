"""Which class each photograph of ILSVRC 2012's flat validation folder is.

Classes are numbered by their synset's name, sorted, as keras.applications, TensorFlow Datasets
and Caffe number them. The challenge's own ids (1 to 1000, in another order) need the table in
meta.mat. Accepted, in this order of preference:

- `ILSVRC2012_validation_ground_truth.txt` of the development kit: an id a line, in the order of
  the photographs' names, with its meta.mat; in the kit's folder, beside the photographs'
  folders, or in `ILSVRC2012_devkit_t12.tar.gz`;
- `val.txt`, `validation_labels.txt`, `LOC_val_solution.csv` or
  `imagenet_2012_validation_synset_labels.txt`: a line with a photograph's name and its synset
  (Kaggle's has boxes behind it), or its name and the number of its class, from 0; or one synset
  a line, in the order of the photographs' names.
"""

import io
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from harness.data.archive import opened
from harness.errors import DataError

GROUND_TRUTH, META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"
KIT = "ILSVRC2012_devkit_t12"
LABEL_FILES = (
    "val.txt",
    "validation_labels.txt",
    "LOC_val_solution.csv",
    "imagenet_2012_validation_synset_labels.txt",
)
_SYNSET = re.compile(r"n\d{8}")


def read(root: Path, names: Sequence[str], synsets: Sequence[str]) -> np.ndarray:
    """The classes of validation photographs.

    Args:
        root: Folder of the label file.
        names: The photographs' file names, sorted.
        synsets: Those of the classes, sorted.

    Returns:
        int64 [len(names)].

    Raises:
        DataError: There is no label file, or it is of other photographs or classes.
    """
    if not names:
        raise DataError(f"{root}: no validation photographs there; unpack or fetch them again")
    for place in (root, root / "data", root / KIT / "data"):
        if (place / GROUND_TRUTH).is_file():
            return _from_kit(place / GROUND_TRUTH, _file_reader(place), names, synsets)
    archive = root / f"{KIT}.tar.gz"
    if archive.is_file():
        return _from_kit(archive / GROUND_TRUTH, _archive_reader(archive), names, synsets)
    for name in LABEL_FILES:
        if (root / name).is_file():
            return _from_lines(root / name, names, synsets)
    raise DataError(
        f"{root}: no labels of the validation photographs; accepted: {GROUND_TRUTH} with {META}"
        f" (or {archive.name}), or one of {', '.join(LABEL_FILES)}"
    )


def _file_reader(folder: Path) -> Callable[[str], bytes]:
    def content(name: str) -> bytes:
        try:
            return (folder / name).read_bytes()
        except OSError as error:
            raise DataError(f"{folder / name}: cannot be read ({error.strerror})") from error

    return content


def _archive_reader(archive: Path) -> Callable[[str], bytes]:
    def content(wanted: str) -> bytes:
        with opened(archive) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isfile() else None
                if file is not None and PurePosixPath(member.name).name == wanted:
                    return file.read()
        raise DataError(f"{archive}: holds no {wanted}; fetch it again")

    return content


def _from_kit(
    path: Path, content: Callable[[str], bytes], names: Sequence[str], synsets: Sequence[str]
) -> np.ndarray:
    """Ids in the order of the names, through the table of ids and synsets."""
    ids = content(GROUND_TRUTH).decode().split()
    _same_number(path, len(ids), names)
    synset_of = synset_ids(content(META), str(path.parent / META))
    try:
        found = [synset_of[int(each)] for each in ids]
    except (KeyError, ValueError) as error:
        raise DataError(f"{path}: {error} is no id of {META}") from error
    return _numbered(path, found, synsets)


def synset_ids(content: bytes, place: str) -> dict[int, str]:
    """ILSVRC id -> synset, of the development kit's meta.mat.

    Raises:
        DataError: It is another file.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        table = loadmat(io.BytesIO(content), squeeze_me=True)["synsets"]
        ids, synsets = table["ILSVRC2012_ID"], table["WNID"]
        return {int(number): str(name) for number, name in zip(ids, synsets, strict=True)}
    except (MatReadError, OSError, LookupError, ValueError, TypeError, zlib.error) as error:
        raise DataError(f"{place}: not the development kit's table ({error})") from error


def _from_lines(path: Path, names: Sequence[str], synsets: Sequence[str]) -> np.ndarray:
    rows = [re.split(r"[,\s]+", line.strip()) for line in path.read_text().splitlines()]
    rows = [row for row in rows if row != [""]]
    if rows and rows[0][0] == "ImageId":
        del rows[0]
    if rows and len(rows[0]) == 1:
        _same_number(path, len(rows), names)
        if not _SYNSET.fullmatch(rows[0][0]):
            raise DataError(
                f"{path}: received {rows[0][0]}; accepted: synsets. Ids of the challenge belong"
                f" into {GROUND_TRUTH}, with {META} beside it"
            )
        return _numbered(path, [row[0] for row in rows], synsets)
    short = [number for number, row in enumerate(rows) if len(row) < 2]
    if short:
        raise DataError(f"{path}: no class beside {rows[short[0]][0]}; truncated? fetch it again")
    given = {Path(row[0]).stem: row[1] for row in rows}
    missing = [name for name in names if Path(name).stem not in given]
    if missing:
        raise DataError(f"{path}: no label for {missing[0]} ({len(missing)} are without)")
    found = [given[Path(name).stem] for name in names]
    if all(each.isdecimal() for each in found):
        labels = np.array(found, np.int64)
        if labels.max() >= len(synsets):
            raise DataError(
                f"{path}: class {labels.max()}; accepted: 0 to {len(synsets) - 1}, the sorted"
                " synsets"
            )
        return labels
    return _numbered(path, found, synsets)


def _same_number(path: Path, count: int, names: Sequence[str]) -> None:
    if count != len(names):
        raise DataError(f"{path}: {count} labels for {len(names)} validation photographs")


def _numbered(path: Path, found: Sequence[str], synsets: Sequence[str]) -> np.ndarray:
    number = {name: at for at, name in enumerate(synsets)}
    unknown = sorted(set(found) - set(number))
    if unknown:
        raise DataError(f"{path}: {unknown[0]} is no class of the training photographs")
    return np.array([number[name] for name in found], np.int64)
