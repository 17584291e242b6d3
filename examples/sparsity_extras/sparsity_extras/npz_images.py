"""Pictures in a NumPy archive: x_train, y_train, x_test and y_test, as keras.datasets keeps them.

The test split is the archive's; `validation_share` of each class is held out of the others.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from zipfile import BadZipFile

import numpy as np

from harness.data import Data
from harness.data.base import DatasetOptions, Split, data_folder, digest, stratified
from harness.data.images.base import ShiftOptions
from harness.data.images.pictures import PictureData
from harness.errors import DataError
from harness.options import choice, need

_LAYOUT = "an .npz file of x_train, y_train, x_test and y_test"


@choice
@dataclass
class NpzImages(DatasetOptions):
    """uint8 pictures [n, height, width, 3] and their labels, given out as `size`×`size`."""

    holds: ClassVar[str] = "images"
    sources: ClassVar[tuple[str, ...]] = ("npz",)

    name: str = "npz_images"
    source: str = "npz"
    size: int = 32
    validation_share: float = 0.1
    augmentation: ShiftOptions = field(default_factory=ShiftOptions)

    def check(self) -> None:
        """Refuses options out of range."""
        super().check()
        need("dataset.size", self.size, self.size >= 8, "8 pixels or more")
        share = self.validation_share
        need("dataset.validation_share", share, 0 < share < 0.5, "a number in (0, 0.5)")
        self.augmentation.check("dataset.augmentation")

    def require(self) -> None:
        """Refuses what is no such archive."""
        self._read()

    def fingerprint(self) -> str:
        """sha256 of the file."""
        return digest([("npz", self._path().read_bytes())])

    def load(self) -> Data:
        """The pictures, those to watch training by stratified, by `split_seed`."""
        pool, test = self._read()
        train, validation = stratified(pool.labels, [self.validation_share], self.split_seed)
        classes = tuple(str(label) for label in range(int(pool.labels.max()) + 1))
        return PictureData(
            name=self.name,
            fingerprint=self.fingerprint(),
            source=f"{self._path().name}: {len(pool)} pictures, {len(test)} to test on",
            classes=classes,
            train_split=pool.taken(train),
            validation_split=pool.taken(validation),
            test_split=test,
            size=self.size,
            augmentation=self.augmentation,
        )

    def _path(self) -> Path:
        path = data_folder(self.data_dir, _LAYOUT, or_file=True)
        if path.is_dir():
            raise DataError(f"dataset.data_dir={path}: a folder; accepted: {_LAYOUT}")
        return path

    def _read(self) -> tuple[Split, Split]:
        """Pictures to train on, and to test on."""
        path = self._path()
        try:
            with np.load(path) as file:
                splits = [Split(file[f"x_{part}"], _labels(file[f"y_{part}"])) for part in _PARTS]
        except (OSError, KeyError, TypeError, ValueError, BadZipFile) as error:
            raise DataError(f"{path}: {error}; accepted: {_LAYOUT}") from error
        for split in splits:
            if split.inputs.dtype != np.uint8 or split.inputs.shape[3:] != (3,):
                found = f"{split.inputs.dtype} {list(split.inputs.shape)}"
                raise DataError(f"{path}: pictures of {found}; accepted: uint8 [n, h, w, 3]")
            if len(split.inputs) != len(split):
                raise DataError(f"{path}: {len(split.inputs)} pictures, {len(split)} labels")
            largest = int(splits[0].labels.max(initial=-1))
            strange = split.labels[(split.labels < 0) | (split.labels > largest)]
            if len(strange):
                raise DataError(
                    f"{path}: label {strange[0]}; accepted: 0 to {largest}, the largest to train on"
                )
        return splits[0], splits[1]


_PARTS = ("train", "test")


def _labels(labels: np.ndarray) -> np.ndarray:
    return labels.reshape(-1).astype(np.int64)
