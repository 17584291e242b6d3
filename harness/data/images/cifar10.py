"""CIFAR-10: 60,000 photographs of 32×32×3, 10 classes (Krizhevsky, 2009).

Two sources of the same pictures: the files of https://www.cs.toronto.edu/~kriz/cifar.html
(binary version), which `harness data prepare cifar10` makes too, and TensorFlow Datasets. The
test split is the published one; validation pictures are taken from the 50,000.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness.config.schema import Cifar10Config
from harness.data import subset, tfds_files
from harness.data.base import Split, data_folder, digest
from harness.data.images.pictures import PictureData
from harness.data.prepare import source_of
from harness.errors import DataError

SOURCES = ("binary", "tfds")
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

_FOLDER = "cifar-10-batches-bin"  # in the original archive
_LAYOUT = (
    f"a folder with {TRAIN_FILES[0]} … {TRAIN_FILES[-1]} and {TEST_FILE};"
    " harness data prepare cifar10 --out FOLDER makes one"
)


def check(config: Cifar10Config) -> None:
    """Refuses missing or damaged files, without TensorFlow.

    Raises:
        DataError: See the message: what was found, what is expected, what to do.
    """
    if config.source == "tfds":
        _tfds_folder(config)
        tfds_files.require()
        return
    folder = _folder(config)
    for name in (*TRAIN_FILES, TEST_FILE):
        _read(folder / name)


def fingerprint(config: Cifar10Config) -> str:
    """sha256 of the pictures' files.

    Raises:
        DataError: If the files are missing.
    """
    if config.source == "tfds":
        shards = sorted(_tfds_folder(config).glob("*.tfrecord*"))
        return digest((path.name, path.read_bytes()) for path in shards)
    folder = _folder(config)
    return digest((name, (folder / name).read_bytes()) for name in (*TRAIN_FILES, TEST_FILE))


def load(config: Cifar10Config) -> PictureData:
    """The pictures, split into train, validation and test, evenly over the classes.

    Raises:
        DataError: If the files are missing, damaged, or too few for what was asked.
    """
    if config.source == "tfds":
        folder = _tfds_folder(config)
        pool, held_out = (_read_tfds(folder, split) for split in ("train", "test"))
        origin = f"TFDS cifar10 {folder.name}"
    else:
        folder = _folder(config)
        pool = _joined([_read(folder / name) for name in TRAIN_FILES])
        held_out = _read(folder / TEST_FILE)
        origin = source_of(folder, "CIFAR-10, binary version")
    validation, train = subset.balanced(
        pool.labels,
        [config.validation_examples, config.train_examples],
        config.split_seed,
        ["dataset.validation_examples", "dataset.train_examples"],
    )
    (test,) = subset.balanced(
        held_out.labels, [config.test_examples], config.split_seed, ["dataset.test_examples"]
    )
    sizes = f"{len(train)} + {len(validation)} + {len(test)}"
    return PictureData(
        name="cifar10",
        fingerprint=fingerprint(config),
        source=f"{origin}: {sizes} pictures for training, validation and test",
        num_classes=len(CLASSES),
        train_split=_take(pool, train),
        validation_split=_take(pool, validation),
        test_split=_take(held_out, test),
        size=config.size,
        augmentation=config.augmentation,
    )


def _take(split: Split, index: np.ndarray) -> Split:
    return Split(split.inputs[index], split.labels[index])


def _joined(splits: list[Split]) -> Split:
    inputs = np.concatenate([split.inputs for split in splits])
    return Split(inputs, np.concatenate([split.labels for split in splits]))


# Binary version ----------------------------------------------------------------------


def _folder(config: Cifar10Config) -> Path:
    given = data_folder(config.data_dir, _LAYOUT)
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


def _tfds_folder(config: Cifar10Config) -> Path:
    return tfds_files.folder("cifar10", config.data_dir, ("train", "test"))


def _read_tfds(folder: Path, split: str) -> Split:
    def pairs() -> Iterator[tuple[np.ndarray, int]]:
        for example in tfds_files.examples(folder, split):
            yield example["image"], int(example["label"])

    images, labels = zip(*pairs(), strict=True)
    pictures = np.stack(images)
    if pictures.shape[1:] != (SIDE, SIDE, 3):
        raise DataError(f"{folder} ({split}): images of {pictures.shape[1:]}; CIFAR-10's are 32×32")
    return Split(pictures, np.array(labels, np.int64))
