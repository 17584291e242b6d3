"""Any folder of `class/*.jpg` (or .jpeg, .png): bring your own photographs.

Without folders for splits the photographs are split at random, the same share of every class.
With `train/class/*` the held-out photographs are those of `test/class/*`, or of `validation` or
`val` where there is no `test`; validation photographs those of `validation` or `val` beside a
`test`, else a share of the training photographs.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.config.schema import ImageFolderConfig
from harness.data import subset
from harness.data.base import data_folder, stratified
from harness.data.images.photos import folders as photo_folders
from harness.data.images.photos import pipeline as photos
from harness.data.images.photos.data import Part, PhotoData
from harness.data.images.photos.pipeline import FilePhotos
from harness.errors import DataError

SOURCES = ("folder",)
_LAYOUT = "a folder with a folder of .jpg, .jpeg or .png files for each class"
_TRAIN, _TEST, _VALIDATION = "train", "test", ("validation", "val")


@dataclass(frozen=True)
class _Found:
    """What a folder holds: classes, and photographs of up to three splits of its own."""

    classes: list[str]
    train: FilePhotos
    validation: FilePhotos | None
    test: FilePhotos | None

    def all(self) -> list[FilePhotos]:
        return [each for each in (self.train, self.validation, self.test) if each is not None]


def check(config: ImageFolderConfig) -> None:
    """Refuses missing folders, empty classes and broken files, without TensorFlow.

    Raises:
        DataError: names the folder or file.
    """
    found = _find(config)
    for each in found.all():
        photos.check(each)
    _split(config, found)


def fingerprint(config: ImageFolderConfig) -> str:
    """sha256 of the photographs (see `harness.data.images.photos.pipeline.fingerprint`).

    Raises:
        DataError: If the folder is missing or laid out differently.
    """
    return photos.fingerprint(*_find(config).all())


def load(config: ImageFolderConfig) -> PhotoData:
    """The photographs in their splits.

    Raises:
        DataError: If the folder is not laid out so.
    """
    found = _find(config)
    return PhotoData.of(config, found.classes, found.all(), _split(config, found))


def _find(config: ImageFolderConfig) -> _Found:
    root = data_folder(config.data_dir, _LAYOUT)
    names = photo_folders.class_names(root)
    # A class may be called train, too: then photographs are in it, not folders of them.
    if _TRAIN not in names or not photo_folders.class_names(root / _TRAIN):
        return _Found(_classes(root), photo_folders.by_class(root, names), None, None)
    given = [name for name in _VALIDATION if name in names]
    held_out = _TEST if _TEST in names else given.pop() if given else None
    classes = _classes(root / _TRAIN)

    def part(place: str | None) -> FilePhotos | None:
        if place is None:
            return None
        if photo_folders.class_names(root / place) != classes:
            raise DataError(f"{root / place}: other classes than in {_TRAIN}/; accepted: the same")
        return photo_folders.by_class(root, classes, [place])

    train = part(_TRAIN)
    assert train is not None
    return _Found(classes, train, part(given[0] if given else None), part(held_out))


def _classes(root: Path) -> list[str]:
    names = photo_folders.class_names(root)
    if len(names) < 2:
        raise DataError(
            f"{root}: {len(names)} folders of photographs there; accepted: {_LAYOUT}, two classes"
            " or more"
        )
    return names


def _split(config: ImageFolderConfig, found: _Found) -> tuple[Part, Part, Part]:
    """Training, validation and test photographs, each cut to what was asked for."""
    labels, pool = found.train.labels, np.arange(len(found.train.labels))
    shares = [config.validation_share] if found.validation is None else []
    shares += [config.test_share] if found.test is None else []
    parts = stratified(labels, shares, config.split_seed) if shares else [pool]
    train = Part(found.train, parts[0])
    test = _own(found.test) or Part(found.train, parts[-1])
    validation = _own(found.validation) or Part(found.train, parts[1])
    return (
        _cut(train, config.train_examples, config.split_seed, "train"),
        _cut(validation, config.validation_examples, config.split_seed, "validation"),
        _cut(test, config.test_examples, config.split_seed, "test"),
    )


def _own(found: FilePhotos | None) -> Part | None:
    return None if found is None else Part(found, np.arange(len(found.labels)))


def _cut(part: Part, count: int | None, seed: int, name: str) -> Part:
    (chosen,) = subset.balanced(part.labels, [count], seed, [f"dataset.{name}_examples"])
    return Part(part.photos, part.index[chosen])
