"""CIFAR-10: 60,000 photographs of 32×32×3, 10 classes (Krizhevsky, 2009).

Two sources of the same pictures: the files of https://www.cs.toronto.edu/~kriz/cifar.html
(binary version), which `harness data prepare cifar10` makes too, and TensorFlow Datasets. The
test split is the published one; validation pictures are taken from the 50,000.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.data import subset, tfds_files
from harness.data.base import Data, Split, data_folder, digest
from harness.data.images.base import ImageOptions, ShiftOptions
from harness.data.images.pictures import PictureData
from harness.data.prepare import source_of
from harness.errors import DataError
from harness.options import choice

#: The classes in the order of their labels (batches.meta.txt of the original archive).
CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_FILE = "test_batch.bin"
SIDE = 32
#: A row: the label, then the red, the green and the blue plane.
ROW = 1 + 3 * SIDE * SIDE

TFDS_SPLITS = ("train", "test")

_FOLDER = "cifar-10-batches-bin"  # in the original archive
_LAYOUT = (
    f"a folder with {TRAIN_FILES[0]} … {TRAIN_FILES[-1]} and {TEST_FILE};"
    " harness data prepare cifar10 --out FOLDER makes one"
)


@choice
@dataclass
class Cifar10(ImageOptions):
    """CIFAR-10; another `size` than 32 is reached by bilinear interpolation."""

    sources: ClassVar[tuple[str, ...]] = ("binary", "tfds")

    name: str = "cifar10"
    source: str = "binary"
    size: int = SIDE
    validation_examples: int | None = 5000
    augmentation: ShiftOptions = field(default_factory=ShiftOptions)

    def check(self) -> None:
        """Refuses options out of range."""
        super().check()
        self.augmentation.check("dataset.augmentation")

    def require(self) -> None:
        """Refuses missing or damaged files."""
        if self.source == "tfds":
            self._tfds_folder()
            tfds_files.require()
            return
        folder = _folder(self.data_dir)
        for name in (*TRAIN_FILES, TEST_FILE):
            _read(folder / name)

    def fingerprint(self) -> str:
        """sha256 of the pictures' files."""
        if self.source == "tfds":
            return tfds_files.fingerprint(self._tfds_folder())
        folder = _folder(self.data_dir)
        return digest((name, (folder / name).read_bytes()) for name in (*TRAIN_FILES, TEST_FILE))

    def load(self) -> Data:
        """The pictures, split into train, validation and test, evenly over the classes."""
        pool, held_out, origin = self._pictures()
        validation, train = subset.balanced(
            pool.labels,
            [self.validation_examples, self.train_examples],
            self.split_seed,
            ["dataset.validation_examples", "dataset.train_examples"],
        )
        (test,) = subset.balanced(
            held_out.labels, [self.test_examples], self.split_seed, ["dataset.test_examples"]
        )
        sizes = f"{len(train)} + {len(validation)} + {len(test)}"
        return PictureData(
            name=self.name,
            fingerprint=self.fingerprint(),
            source=f"{origin}: {sizes} pictures for training, validation and test",
            classes=CLASSES,
            train_split=pool.taken(train),
            validation_split=pool.taken(validation),
            test_split=held_out.taken(test),
            size=self.size,
            augmentation=self.augmentation,
        )

    def shape(self) -> tuple[tuple[Any, ...], int]:
        """As configured."""
        return self.image_shape, len(CLASSES)

    def _pictures(self) -> tuple[Split, Split, str]:
        """Those to train on, those to test on, and where they are from."""
        if self.source == "tfds":
            folder = self._tfds_folder()
            train, test = (_read_tfds(folder, split) for split in TFDS_SPLITS)
            return train, test, f"TFDS cifar10 {folder.name}"
        folder = _folder(self.data_dir)
        train = _joined([_read(folder / name) for name in TRAIN_FILES])
        return train, _read(folder / TEST_FILE), source_of(folder, "CIFAR-10, binary version")

    def _tfds_folder(self) -> Path:
        return tfds_files.folder("cifar10", self.data_dir, TFDS_SPLITS)


def _joined(splits: list[Split]) -> Split:
    inputs = np.concatenate([split.inputs for split in splits])
    return Split(inputs, np.concatenate([split.labels for split in splits]))


# Binary version ----------------------------------------------------------------------


def _folder(data_dir: str | None) -> Path:
    given = data_folder(data_dir, _LAYOUT)
    folder = given / _FOLDER if (given / _FOLDER).is_dir() else given
    missing = [name for name in (*TRAIN_FILES, TEST_FILE) if not (folder / name).is_file()]
    if missing:
        found = ", ".join(path.name for path in sorted(folder.iterdir())[:4]) or "nothing"
        raise DataError(
            f"{folder}: no {', '.join(missing)} there (found: {found}); accepted: {_LAYOUT}"
        )
    return folder


def _read(path: Path) -> Split:
    content = np.fromfile(path, np.uint8)
    if not len(content) or len(content) % ROW:
        raise DataError(
            f"{path}: {len(content)} bytes, not a multiple of {ROW}, the size of a picture with"
            " its label; truncated or another file: fetch it again"
        )
    rows = content.reshape(-1, ROW)
    labels = rows[:, 0].astype(np.int64)
    if labels.max() >= len(CLASSES):
        raise DataError(f"{path}: label {labels.max()}; CIFAR-10's are 0 to 9")
    planes = rows[:, 1:].reshape(-1, 3, SIDE, SIDE)
    return Split(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels)


# TensorFlow Datasets -----------------------------------------------------------------


def _read_tfds(folder: Path, split: str) -> Split:
    pictures = tfds_files.split(folder, split)
    if pictures.inputs.shape[1:] != (SIDE, SIDE, 3):
        found = pictures.inputs.shape[1:]
        raise DataError(f"{folder} ({split}): images of {found}; CIFAR-10's are 32×32")
    return pictures
