"""Tiny MNISTs in the layouts of the real ones."""

import gzip
import struct
from pathlib import Path

import numpy as np

from harness.data.images.mnist import _IDX_FILES


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
    import tensorflow as tf
    import tensorflow_datasets as tfds

    folder = root / "mnist" / "3.0.1"
    folder.mkdir(parents=True)
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(28, 28, 1)),
            "label": tfds.features.ClassLabel(num_classes=10),
        }
    )
    infos = []
    for seed, (split, count) in enumerate({"train": train, "test": test}.items()):
        name = f"mnist-{split}.tfrecord-00000-of-00001"
        size = 0
        with tf.io.TFRecordWriter(str(folder / name)) as writer:
            for image, label in zip(*digits(count, seed), strict=True):
                record = features.serialize_example({"image": image[..., None], "label": label})
                size += len(record)
                writer.write(record)
        template = tfds.core.ShardedFileTemplate(
            data_dir=folder, dataset_name="mnist", split=split, filetype_suffix="tfrecord"
        )
        infos.append(
            tfds.core.SplitInfo(
                name=split, shard_lengths=[count], num_bytes=size, filename_template=template
            )
        )
    tfds.folder_dataset.write_metadata(
        data_dir=folder, features=features, split_infos=infos, check_data=False
    )
    return folder
