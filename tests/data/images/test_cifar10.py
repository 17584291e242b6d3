"""CIFAR-10 from each of its sources, whole and damaged."""

import subprocess
import sys

import numpy as np
import pytest

from harness import data
from harness.data.images.base import ShiftOptions
from harness.data.images.cifar10 import Cifar10
from harness.errors import DataError
from tests.data.images.cifar_files import TRAIN, pictures, write_binary, write_tfds


def config(folder, source="binary", **options):
    given = {"validation_examples": 20, "size": 32, **options}
    return Cifar10(name="cifar10", source=source, data_dir=str(folder), **given)


class TestBinary:
    def test_the_files_are_split_evenly_over_the_classes(self, tmp_path):
        loaded = data.load(config(write_binary(tmp_path), train_examples=50, test_examples=10))
        parts = (loaded.train_split, loaded.validation_split, loaded.test_split)
        assert [np.bincount(part.labels).tolist() for part in parts] == [
            [5] * 10,
            [2] * 10,
            [1] * 10,
        ]
        assert (loaded.num_train, loaded.num_classes, loaded.input_shape) == (50, 10, (32, 32, 3))

    def test_planes_become_pixels(self, tmp_path):
        loaded = data.load(config(write_binary(tmp_path)))
        images, labels = pictures(20, 5)
        np.testing.assert_array_equal(loaded.test_split.inputs, images)
        np.testing.assert_array_equal(loaded.test_split.labels, labels)
        known = {image.tobytes() for seed in range(5) for image in pictures(20, seed)[0]}
        used = [*loaded.train_split.inputs, *loaded.validation_split.inputs]
        assert {image.tobytes() for image in used} == known

    def test_the_original_archives_folder_is_found_from_above(self, tmp_path):
        write_binary(tmp_path / "cifar-10-batches-bin")
        assert data.load(config(tmp_path)).num_train == 80

    def test_another_pixel_is_another_fingerprint(self, tmp_path):
        before = data.fingerprint(config(write_binary(tmp_path)))
        path = tmp_path / TRAIN[2]
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        assert data.fingerprint(config(tmp_path)) != before

    def test_a_missing_file_is_named_with_what_makes_it(self, tmp_path):
        (write_binary(tmp_path) / TRAIN[3]).unlink()
        with pytest.raises(DataError, match=r"no data_batch_4\.bin.*harness data prepare cifar10"):
            data.require(config(tmp_path))

    def test_a_missing_folder(self, tmp_path):
        with pytest.raises(DataError, match=r"data_dir=.*nowhere: no such folder"):
            data.require(config(tmp_path / "nowhere"))
        with pytest.raises(DataError, match="none received"):
            data.require(Cifar10(name="cifar10", source="binary"))

    @pytest.mark.parametrize("keep", [0, 100, -1])
    def test_a_truncated_file(self, tmp_path, keep):
        path = write_binary(tmp_path) / "test_batch.bin"
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(DataError, match=r"test_batch\.bin: \d+ bytes, not a multiple of 3073"):
            data.require(config(tmp_path))

    def test_a_label_that_is_none(self, tmp_path):
        path = write_binary(tmp_path) / TRAIN[0]
        path.write_bytes(b"\x0b" + path.read_bytes()[1:])
        with pytest.raises(DataError, match=r"label 11; CIFAR-10's are 0 to 9"):
            data.require(config(tmp_path))

    def test_more_examples_than_there_are(self, tmp_path):
        with pytest.raises(DataError, match=r"dataset\.train_examples: received 90; .* 1 to 80"):
            data.load(config(write_binary(tmp_path), train_examples=90))

    def test_checks_and_fingerprints_import_nothing_heavy(self, tmp_path):
        write_binary(tmp_path)
        code = f"""
import sys
from harness import data
from harness.data.images.cifar10 import Cifar10
config = Cifar10(name="cifar10", source="binary", data_dir={str(tmp_path)!r})
data.require(config)
data.fingerprint(config)
assert "tensorflow" not in sys.modules and "PIL" not in sys.modules
"""
        subprocess.run([sys.executable, "-c", code], check=True)


class TestTfds:
    def test_both_sources_hold_the_same(self, tmp_path):
        binary = data.load(config(write_binary(tmp_path / "binary")))
        tfds = data.load(config(write_tfds(tmp_path / "tfds"), "tfds"))
        for ours, theirs in (
            (binary.train_split, tfds.train_split),
            (binary.test_split, tfds.test_split),
        ):
            np.testing.assert_array_equal(ours.inputs, theirs.inputs)
            np.testing.assert_array_equal(ours.labels, theirs.labels)
        assert "3.0.2" in tfds.source

    def test_unprepared_is_told_how(self, tmp_path):
        with pytest.raises(DataError, match=r"no cifar10/VERSION folder.*tfds build cifar10"):
            data.require(config(tmp_path, "tfds"))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = write_binary(tmp_path_factory.mktemp("cifar"))
    varied = ShiftOptions(flip=True, shift=4, brightness=0.2, saturation=0.5)
    return data.load(config(folder, augmentation=varied, size=48))


class TestStream:
    def test_a_batch_is_decided_by_seed_and_step(self, loaded):
        steps = list(loaded.train(16, seed=3).take(9))  # into the second epoch
        for start in (0, 4, 8):
            (batch,) = loaded.train(16, seed=3, start_step=start).take(1)
            np.testing.assert_array_equal(batch[0], steps[start][0])
            np.testing.assert_array_equal(batch[1], steps[start][1])
        (other,) = loaded.train(16, seed=4).take(1)
        assert not np.array_equal(other[0], steps[0][0])

    def test_inputs_are_of_the_size_and_range(self, loaded):
        ((images, labels),) = loaded.train(16, seed=0).take(1)
        assert images.shape == (16, 48, 48, 3)
        assert images.dtype == np.float32
        assert labels.dtype == np.int64
        assert np.min(images) >= -1
        assert np.max(images) <= 1
        sizes = [len(labels) for _, labels in loaded.validation(16)]
        assert sizes == [16, 4]

    def test_without_variation_pictures_are_only_scaled(self, tmp_path):
        plain = data.load(config(write_binary(tmp_path), augmentation=ShiftOptions(flip=False)))
        known = {image.tobytes() for image in plain.train_split.inputs}
        ((images, _),) = plain.train(16, seed=0).take(1)
        pixels = np.round((np.asarray(images) + 1) * 127.5).astype(np.uint8)
        assert {image.tobytes() for image in pixels} <= known

    def test_shifting_and_mirroring_follow_a_slow_reference(self, tmp_path):
        """Every picture is one of the 2 × 3 × 3 variants of its original, and all occur."""
        varied = ShiftOptions(flip=True, shift=1)
        stream = data.load(config(write_binary(tmp_path), augmentation=varied))
        variants = {}
        for image in stream.train_split.inputs.astype(np.float32):
            padded = np.pad(image, [(1, 1), (1, 1), (0, 0)], constant_values=127.5)
            for row in range(3):
                for column in range(3):
                    cut = padded[row : row + 32, column : column + 32]
                    variants[cut.tobytes()] = (row, column, False)
                    variants[cut[:, ::-1].tobytes()] = (row, column, True)
        seen = set()
        for images, _ in stream.train(40, seed=0).take(6):
            for image in (np.asarray(images) + 1) * 127.5:
                exact = np.round(image * 2) / 2
                np.testing.assert_allclose(image, exact, atol=1e-3)
                seen.add(variants[exact.astype(np.float32).tobytes()])
        assert len(seen) == 18
