"""ImageNet: ILSVRC 2012, 1,281,167 training and 50,000 validation photographs, 1000 classes.

Three sources of the same photographs: folders (`train/SYNSET/*.JPEG`, and `validation` or `val`,
flat with a label file or a folder a synset), the two tars of the challenge as they are, and
TensorFlow Datasets' imagenet2012. Nothing is unpacked or held in memory. Whichever the source,
the photographs are numbered by class and name, so that subsets and batches are the same.

The challenge's test labels were never published, so results are measured on its validation
photographs, as everywhere; the photographs that training is watched by are taken from the
training ones. Classes are numbered by their synsets, sorted, from each of the sources.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.data import subset, tfds_files
from harness.data.base import data_folder
from harness.data.images import imagenet_labels
from harness.data.images.photos import class_folders as photo_folders
from harness.data.images.photos import index as photo_index
from harness.data.images.photos import records as photo_records
from harness.data.images.photos import tars as photo_tars
from harness.data.images.photos.base import Found, PhotoOptions
from harness.data.images.photos.pipeline import Part
from harness.errors import DataError
from harness.options import choice, need

NUM_CLASSES, NUM_TRAIN, NUM_VALIDATION = 1000, 1_281_167, 50_000
#: sha256 of the 1000 synsets, sorted, a line each. Source: the labels of TFDS' imagenet_resized,
#: https://github.com/tensorflow/datasets.
SYNSETS_SHA256 = "385e0240499426c022b773be1ae4da780f057b89c9694c7f47199f62746b6edd"
TRAIN_TAR, VALIDATION_TAR = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
TFDS_NAME = "imagenet2012"

_TRAIN, _VALIDATION = "train", ("validation", "val")
_LAYOUTS = {
    "folders": f"a folder with {_TRAIN}/SYNSET/*.JPEG and {' or '.join(_VALIDATION)}/*.JPEG",
    "tars": f"a folder with {TRAIN_TAR}, {VALIDATION_TAR} and the development kit",
}


@choice
@dataclass
class Imagenet(PhotoOptions):
    """ILSVRC 2012. `classes` below 1000 admits subsets of it in the same layout."""

    sources: ClassVar[tuple[str, ...]] = ("folders", "tars", "tfds")

    name: str = "imagenet"
    source: str = "tfds"
    classes: int = NUM_CLASSES

    def check(self) -> None:
        """Refuses options out of range."""
        super().check()
        classes = self.classes
        need("dataset.classes", classes, 2 <= classes <= NUM_CLASSES, f"2 to {NUM_CLASSES}")

    def find(self) -> Found:
        """The photographs of both splits, in the same order from each of the sources."""
        return _find(self)

    def split(self, found: Found) -> tuple[Part, Part, Part]:
        """Those to watch training by are taken evenly from the training classes."""
        return _split(self, found)

    def shape(self) -> tuple[tuple[Any, ...], int]:
        """As configured."""
        return self.image_shape, self.classes


def _find(config: Imagenet) -> Found:
    finders: dict[str, Callable[[Imagenet], Found]] = {
        "folders": _find_folders,
        "tars": _find_tars,
        "tfds": _find_tfds,
    }
    found = _in_order(finders[config.source](config))
    count = len(found.classes)
    if count != config.classes:
        raise DataError(
            f"{config.data_dir}: {count} classes; accepted: {config.classes}, or with a subset of"
            f" ILSVRC 2012 dataset.classes={count}"
        )
    if count == NUM_CLASSES:
        _require_ilsvrc(config, found)
    return found


def _in_order(found: Found) -> Found:
    """Training photographs by class and name, the others by name, wherever they lie."""
    train, held_out = found.train, found.held_out["test"]
    files = np.array([name.rpartition(b"/")[2] for name in held_out.names], "S")
    return replace(
        found,
        train=train.taken(np.lexsort((train.names, train.labels))),
        held_out={"test": held_out.taken(np.argsort(files, kind="stable"))},
    )


def _require_ilsvrc(config: Imagenet, found: Found) -> None:
    lines = "\n".join(found.classes).encode()
    if hashlib.sha256(lines).hexdigest() != SYNSETS_SHA256:
        raise DataError(f"{config.data_dir}: 1000 classes, but not the synsets of ILSVRC 2012")
    counts = tuple(len(photos.labels) for photos in found.all())
    if counts != (NUM_TRAIN, NUM_VALIDATION):
        raise DataError(
            f"{config.data_dir}: {counts[0]:,} training and {counts[1]:,} validation photographs;"
            f" ILSVRC 2012 has {NUM_TRAIN:,} and {NUM_VALIDATION:,}: unpack or prepare it again"
        )


def _split(config: Imagenet, found: Found) -> tuple[Part, Part, Part]:
    validation, train = subset.balanced(
        found.train.labels,
        [config.validation_examples, config.train_examples],
        config.split_seed,
        ["dataset.validation_examples", "dataset.train_examples"],
    )
    held_out = found.held_out["test"]
    (test,) = subset.balanced(
        held_out.labels, [config.test_examples], config.split_seed, ["dataset.test_examples"]
    )
    return Part(found.train, train), Part(found.train, validation), Part(held_out, test)


def _root(config: Imagenet) -> Path:
    return data_folder(config.data_dir, _LAYOUTS[config.source])


# Folders -----------------------------------------------------------------------------


def _find_folders(config: Imagenet) -> Found:
    root = _root(config)
    held_out = [name for name in _VALIDATION if (root / name).is_dir()]
    if not (root / _TRAIN).is_dir() or not held_out:
        found = ", ".join(path.name for path in sorted(root.iterdir())[:4]) or "nothing"
        raise DataError(f"{root}: found {found}; accepted: {_LAYOUTS['folders']}")
    synsets = photo_folders.class_names(root / _TRAIN)
    train = photo_folders.by_class(root, synsets, [_TRAIN])
    place = held_out[0]
    if photo_folders.class_names(root / place):
        if photo_folders.class_names(root / place) != synsets:
            raise DataError(f"{root / place}: other classes than in {_TRAIN}; accepted: the same")
        validation = photo_folders.by_class(root, synsets, [place])
    else:
        validation = photo_folders.flat(root, place)
        names = [Path(name.decode()).name for name in validation.names]
        validation = validation.labelled(imagenet_labels.read(root, names, synsets))
    return Found(synsets, train, {"test": validation}, "ILSVRC 2012, folders")


# Tars --------------------------------------------------------------------------------


def _find_tars(config: Imagenet) -> Found:
    root = _root(config)
    missing = [name for name in (TRAIN_TAR, VALIDATION_TAR) if not (root / name).is_file()]
    if missing:
        found = ", ".join(path.name for path in sorted(root.iterdir())[:4]) or "nothing"
        raise DataError(
            f"{root}: no {', '.join(missing)} there (found: {found}); accepted: {_LAYOUTS['tars']}"
        )
    train, groups = photo_index.packed([root / TRAIN_TAR], photo_tars.tar_of_tars)
    names, labels = np.unique(groups, return_inverse=True)
    synsets = [name.decode() for name in names]
    held_out, _ = photo_index.packed([root / VALIDATION_TAR], photo_tars.flat_tar)
    held_out = held_out.taken(np.argsort(held_out.names))
    truth = imagenet_labels.read(root, [name.decode() for name in held_out.names], synsets)
    test = {"test": held_out.labelled(truth)}
    return Found(synsets, train.labelled(labels), test, "ILSVRC 2012, tars")


# TensorFlow Datasets -----------------------------------------------------------------


def _find_tfds(config: Imagenet) -> Found:
    folder = tfds_files.folder(TFDS_NAME, config.data_dir, (_TRAIN, _VALIDATION[0]))
    path = folder / "label.labels.txt"
    if not path.is_file():
        raise DataError(f"{folder}: {path.name} missing; prepare the data set again")
    given = path.read_text(encoding="utf-8").split()
    synsets = sorted(given)
    number = np.array([synsets.index(name) for name in given])
    parts = []
    for split in (_TRAIN, _VALIDATION[0]):
        shards = sorted(folder.glob(f"{TFDS_NAME}-{split}.tfrecord*"))
        found, groups = photo_index.packed(shards, photo_records.tfds_shard)
        labels = groups.astype(np.int64)
        if len(labels) and labels.max() >= len(given):
            raise DataError(f"{folder}: class {labels.max()}, but {path.name} has {len(given)}")
        parts.append(found.labelled(number[labels]))
    return Found(synsets, parts[0], {"test": parts[1]}, f"TFDS {TFDS_NAME} {folder.name}")
