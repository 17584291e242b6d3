"""Folders of one's own photographs: splits, classes, streams and refusals."""

import numpy as np
import pytest

from harness import data
from harness.data.images.base import CropOptions
from harness.data.images.image_folder import ImageFolder
from harness.errors import DataError
from tests.data.images.photo_files import bomb, encoded, jpeg, picture

CLASSES = ("cat", "dog", "train")


def config(folder, **options):
    given = {"size": 24, **options}
    return ImageFolder(name="image_folder", source="folder", data_dir=str(folder), **given)


def write(root, classes=CLASSES, each=10, first=0):
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(each):
            (root / name / f"{number}.jpg").write_bytes(jpeg(first + 100 * label + number))
    return root


def files(part):
    return {part.photos.place(int(number)) for number in part.index}


class TestSplits:
    def test_without_folders_every_class_is_split_alike(self, tmp_path):
        """A class may be called train."""
        data.require(config(write(tmp_path)))
        loaded = data.load(config(tmp_path))
        parts = (loaded.train_split, loaded.validation_split, loaded.test_split)
        assert loaded.classes == CLASSES
        assert [np.bincount(part.labels).tolist() for part in parts] == [[8] * 3, [1] * 3, [1] * 3]
        assert len(set.union(*map(files, parts))) == 30
        for part in parts:
            for number, label in zip(part.index, part.labels, strict=True):
                assert f"/{CLASSES[label]}/" in part.photos.place(int(number))

    @pytest.mark.parametrize(
        ("given", "validation", "test"),
        [
            (("train",), "train", "train"),
            (("train", "test"), "train", "test"),
            (("train", "val"), "train", "val"),
            (("train", "validation", "test"), "validation", "test"),
            (("train", "val", "test"), "val", "test"),
        ],
    )
    def test_folders_of_the_splits(self, tmp_path, given, validation, test):
        for at, place in enumerate(given):
            write(tmp_path / place, first=1000 * at)
        loaded = data.load(config(tmp_path))
        parts = (loaded.train_split, loaded.validation_split, loaded.test_split)
        for part, place in zip(parts, ("train", validation, test), strict=True):
            assert all(name.startswith(f"{tmp_path}/{place}/") for name in files(part))
        assert sum(map(len, parts)) == len(set.union(*map(files, parts))) == 30 * len(given)

    def test_counts_are_balanced(self, tmp_path):
        loaded = data.load(config(write(tmp_path), train_examples=6, test_examples=3))
        assert np.bincount(loaded.train_split.labels).tolist() == [2, 2, 2]
        assert data.sizes(loaded) == {"train": 6, "validation": 3, "test": 3}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    root = write(tmp_path_factory.mktemp("photos"))
    (root / "cat" / "0.jpg").write_bytes(encoded(picture(0).convert("CMYK"), "JPEG"))
    (root / "cat" / "1.JPG").write_bytes(encoded(picture(1).convert("L"), "JPEG"))
    (root / "dog" / "1.png").write_bytes(encoded(picture(1), "PNG"))
    (root / "dog" / "2.jpg").write_bytes(encoded(picture(2), "PNG"))
    (root / "dog" / "._2.jpg").write_bytes(b"macOS")
    varied = CropOptions(min_area=0.3, flip=True, brightness=0.2, saturation=0.5)
    data.require(config(root))
    return data.load(config(root, augmentation=varied))


class TestStream:
    def test_a_batch_is_decided_by_seed_and_step(self, loaded):
        steps = list(loaded.train(8, seed=3).take(8))  # into the third epoch
        for start in (0, 3, 7):
            (batch,) = loaded.train(8, seed=3, start_step=start).take(1)
            np.testing.assert_array_equal(batch[0], steps[start][0])
            np.testing.assert_array_equal(batch[1], steps[start][1])
        (other,) = loaded.train(8, seed=4).take(1)
        assert not np.array_equal(other[0], steps[0][0])

    def test_shapes_types_and_range(self, loaded):
        for images, labels in loaded.train(8, seed=0).take(3):
            assert images.shape == (8, 24, 24, 3)
            assert (images.dtype, labels.dtype) == (np.float32, np.int64)
            assert -1 <= np.min(images) < np.max(images) <= 1
        assert sum(len(labels) for _, labels in loaded.test(2)) == len(loaded.test_split)

    def test_an_epoch_has_every_photograph_once(self, tmp_path):
        root = write(tmp_path, each=5)
        plain = CropOptions(min_area=1, flip=False)
        loaded = data.load(config(root, validation_share=0.2, test_share=0.2, augmentation=plain))
        seen = [image for images, _ in loaded.train(3, seed=0).take(3) for image in images.numpy()]
        assert len({image.tobytes() for image in seen}) == len(seen) == loaded.num_train
        ((whole, _),) = loaded.train(9, seed=1).take(1)
        assert {image.tobytes() for image in whole.numpy()} == {image.tobytes() for image in seen}


class TestRefusals:
    def refused(self, message, *args, **options):
        with pytest.raises(DataError, match=message):
            data.require(config(*args, **options))

    def test_layouts(self, tmp_path):
        self.refused(
            "nowhere: no such folder; accepted: a folder with a folder of", tmp_path / "nowhere"
        )
        write(tmp_path, ["cat"])
        self.refused("1 folders of photographs there; .*two classes or more", tmp_path)
        (tmp_path / "dog").mkdir()
        self.refused(r"dog: no \.jpg, \.jpeg, \.png file in this class", tmp_path)

    def test_other_classes_in_the_test_folder(self, tmp_path):
        write(tmp_path / "train")
        write(tmp_path / "test", ["cat", "dog"])
        self.refused(r"test: other classes than in train/", tmp_path)

    def test_too_few_to_split(self, tmp_path):
        self.refused("too few to split", write(tmp_path, each=2))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "an empty file; fetch it again"),
            (jpeg(1)[:700], r"truncated or damaged after 700 bytes"),
            (encoded(picture(1), "PNG")[:-30], "truncated or damaged"),
            (bomb(), r"Image size \(900000000 pixels\) exceeds limit.*remove it"),
            (encoded(picture(1), "GIF"), r"no photograph \(a GIF\); accepted: JPEG, PNG"),
            (encoded(picture(1), "WEBP"), r"no photograph \(a WebP\)"),
            (b"<html></html>", "no photograph .starts with 3c 68 74 6d"),
        ],
    )
    def test_files_that_are_no_whole_photograph_are_named(self, tmp_path, content, message):
        (write(tmp_path) / "dog" / "3.jpg").write_bytes(content)
        self.refused(rf"dog/3\.jpg: {message}", tmp_path)

    def test_bytes_behind_the_end_are_no_damage(self, tmp_path):
        path = write(tmp_path) / "dog" / "3.jpg"
        path.write_bytes(path.read_bytes() + bytes(20))
        data.require(config(tmp_path))

    def test_a_broken_link(self, tmp_path):
        (write(tmp_path) / "dog" / "link.jpg").symlink_to(tmp_path / "nowhere.jpg")
        self.refused(r"link\.jpg: cannot be read \(No such file", tmp_path)
