"""Any folder of `class/*.jpg` (or .jpeg, .png): bring your own photographs.

Without folders for splits the photographs are split at random, the same share of every class.
With `train/class/*` the held-out photographs are those of `test/class/*`, or of `validation` or
`val` where there is no `test`; validation photographs those of `validation` or `val` beside a
`test`, else a share of the training photographs.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness.data import subset
from harness.data.base import data_folder, stratified
from harness.data.images.photos import class_folders as photo_folders
from harness.data.images.photos.base import Found, PhotoOptions
from harness.data.images.photos.pipeline import FilePhotos, Part
from harness.errors import DataError
from harness.options import choice, need

_LAYOUT = "a folder with a folder of .jpg, .jpeg or .png files for each class"
_TRAIN, _TEST, _VALIDATION = "train", "test", ("validation", "val")


@choice
@dataclass
class ImageFolder(PhotoOptions):
    """Any folder of `class/*.jpg`; the shares split what is not split into folders."""

    sources: ClassVar[tuple[str, ...]] = ("folder",)
    whole: ClassVar[bool] = True

    name: str = "image_folder"
    source: str = "folder"
    validation_share: float = 0.1
    test_share: float = 0.1

    def check(self) -> None:
        """Refuses options out of range."""
        super().check()
        for option in ("validation_share", "test_share"):
            value = getattr(self, option)
            need(f"dataset.{option}", value, 0 < value < 0.5, "a number in (0, 0.5)")

    def find(self) -> Found:
        """A folder a class, or a folder a split and in it a folder a class."""
        return _find(self)

    def split(self, found: Found) -> tuple[Part, Part, Part]:
        """Folders for splits are taken as they are; without, shares of every class."""
        return _split(self, found)


def _find(config: ImageFolder) -> Found:
    root = data_folder(config.data_dir, _LAYOUT)
    names = photo_folders.class_names(root)
    # A class may be called train, too: then photographs are in it, not folders of them.
    if _TRAIN not in names or not photo_folders.class_names(root / _TRAIN):
        return Found(_classes(root), photo_folders.by_class(root, names), {})
    given = [name for name in _VALIDATION if name in names]
    places = {"test": _TEST if _TEST in names else given.pop() if given else None}
    places = {"validation": given[0] if given else None, **places}
    classes = _classes(root / _TRAIN)

    def photos(place: str) -> FilePhotos:
        if photo_folders.class_names(root / place) != classes:
            raise DataError(f"{root / place}: other classes than in {_TRAIN}/; accepted: the same")
        return photo_folders.by_class(root, classes, [place])

    held_out = {split: photos(place) for split, place in places.items() if place is not None}
    return Found(classes, photos(_TRAIN), held_out)


def _classes(root: Path) -> list[str]:
    names = photo_folders.class_names(root)
    if len(names) < 2:
        raise DataError(
            f"{root}: {len(names)} folders of photographs there; accepted: {_LAYOUT}, two classes"
            " or more"
        )
    return names


def _split(config: ImageFolder, found: Found) -> tuple[Part, Part, Part]:
    labels = found.train.labels
    shares = {"validation": config.validation_share, "test": config.test_share}
    drawn = {split: share for split, share in shares.items() if split not in found.held_out}
    train, *others = stratified(labels, list(drawn.values()), config.split_seed)
    parts = {"train": Part(found.train, train)}
    parts |= {split: Part(found.train, index) for split, index in zip(drawn, others, strict=True)}
    for split, photos in found.held_out.items():
        parts[split] = Part(photos, np.arange(len(photos.labels)))
    cut = {split: _cut(config, parts[split], split) for split in ("train", "validation", "test")}
    return cut["train"], cut["validation"], cut["test"]


def _cut(config: ImageFolder, part: Part, split: str) -> Part:
    """As many of them as were asked for."""
    key = f"{split}_examples"
    count = getattr(config, key)
    (chosen,) = subset.balanced(part.labels, [count], config.split_seed, [f"dataset.{key}"])
    return Part(part.photos, part.index[chosen])
