"""Tiny MNISTs in the layouts of the real ones."""

import gzip
import struct
from pathlib import Path

import numpy as np

from harness.data.images.mnist import _IDX_FILES
from tests.data.prepared import write_prepared


def digits(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random images, and labels that hold every class equally often."""
    images = np.random.RandomState(seed).randint(0, 256, (count, 28, 28)).astype(np.uint8)
    return images, np.arange(count, dtype=np.uint8) % 10


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def write_idx(folder: Path, train: int = 120, test: int = 20, zipped: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = [*digits(train, 0), *digits(test, 1)]
    for (name, _), array in zip(_IDX_FILES.values(), arrays, strict=True):
        content = idx_bytes(array)
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


def write_tfds(root: Path, train: int = 120, test: int = 20) -> Path:
    """Prepared TFRecords, as `tfds build mnist` leaves them."""
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(28, 28, 1)),
            "label": tfds.features.ClassLabel(num_classes=10),
        }
    )
    examples = {
        split: [
            {"image": image[..., None], "label": int(label)}
            for image, label in zip(*digits(count, seed), strict=True)
        ]
        for seed, (split, count) in enumerate({"train": train, "test": test}.items())
    }
    write_prepared(root / "mnist" / "3.0.1", "mnist", features, examples)
    return root
