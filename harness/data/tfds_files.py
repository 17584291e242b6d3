"""Data sets that TensorFlow Datasets has prepared, found without importing it."""

import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.base import Split, digest
from harness.errors import DataError


def folder(
    name: str, data_dir: str | None, splits: Sequence[str], variant: str | None = None
) -> Path:
    """The newest prepared version's folder: <data_dir>/<name>[/<variant>]/<version>/.

    Raises:
        DataError: it is not there, or incomplete; the message says how to prepare it.
    """
    default = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    root = Path(data_dir or default).expanduser()
    place = name if variant is None else f"{name}/{variant}"
    advice = f"prepare it with: tfds build {place} --data_dir={root}"
    if not root.is_dir():
        raise DataError(f"dataset.data_dir={root}: no such folder; {advice}")
    versions = [path for path in (root / place).glob("*") if _version(path)]
    if not versions:
        raise DataError(f"{root}: no {place}/VERSION folder there; {advice}")
    newest = max(versions, key=_version)
    needed = ["dataset_info.json", *(f"{name}-{split}.tfrecord*" for split in splits)]
    missing = [pattern for pattern in needed if not any(newest.glob(pattern))]
    if missing:
        raise DataError(f"{newest}: {', '.join(missing)} missing; {advice}")
    return newest


def require() -> None:
    """Refuses to go on without the package.

    Raises:
        DataError: it is not installed.
    """
    if importlib.util.find_spec("tensorflow_datasets") is None:
        raise DataError(
            "dataset.source=tfds: the tensorflow-datasets package is not installed;"
            " pip install 'sparsity-harness[tfds]'"
        )


def examples(path: Path, split: str) -> Iterator[Any]:
    """The examples of a prepared split as NumPy values, in the files' order."""
    require()
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(path)
    yield from tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False))


def split(path: Path, name: str) -> Split:
    """The images and labels of a prepared split, in the files' order.

    Raises:
        DataError: the package is not installed.
    """
    pairs = [(example["image"], int(example["label"])) for example in examples(path, name)]
    images, labels = zip(*pairs, strict=True)
    return Split(np.stack(images), np.array(labels, np.int64))


def fingerprint(path: Path, pattern: str = "*.tfrecord*") -> str:
    """sha256 of a prepared folder's files."""
    return digest((shard.name, shard.read_bytes()) for shard in sorted(path.glob(pattern)))


def _version(path: Path) -> tuple[int, ...]:
    matched = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", path.name)
    return tuple(int(part) for part in matched.groups()) if matched else ()
