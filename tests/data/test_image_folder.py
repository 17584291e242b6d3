"""Any folder of photographs, split by folders or by shares."""

import numpy as np
import pytest

from harness import data
from harness.config.schema import ImageFolderConfig
from harness.errors import DataError
from tests.data.photo_files import encoded, jpeg, picture


def config(folder, **options):
    given = {"size": 32, "validation_share": 0.2, "test_share": 0.2, **options}
    return ImageFolderConfig(name="image_folder", source="folder", data_dir=str(folder), **given)


def fill(folder, counts):
    for label, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            (folder / name / f"{number}.jpg").write_bytes(jpeg(100 * label + number, 40, 30))
    return folder


def sizes(loaded):
    return [len(part) for part in (loaded.train_part, loaded.validation_part, loaded.test_part)]


def test_one_folder_is_split_by_shares(tmp_path):
    given = config(fill(tmp_path, {"cat": 10, "dog": 20}))
    data.check(given)
    loaded = data.load(given)
    assert (loaded.classes, sizes(loaded)) == (("cat", "dog"), [18, 6, 6])
    assert np.bincount(loaded.test_part.labels).tolist() == [2, 4]
    parts = (loaded.train_part, loaded.validation_part, loaded.test_part)
    assert sorted(number for part in parts for number in part.index) == list(range(30))
    other = data.load(config(tmp_path, split_seed=1))
    assert set(other.test_part.index) != set(loaded.test_part.index)
    assert other.fingerprint == loaded.fingerprint, "the same data, split otherwise"


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["train", "validation", "test"], [20, 4, 4]),
        (["train", "val", "test"], [20, 4, 4]),
        (["train", "test"], [16, 4, 4]),
        (["train", "val"], [16, 4, 4]),  # val is held out, and some of train taken to validate
        (["train"], [12, 4, 4]),
    ],
)
def test_folders_for_splits(folders, expected, tmp_path):
    for name in folders:
        each = 10 if name == "train" else 2
        fill(tmp_path / name, {"cat": each, "dog": each})
    loaded = data.load(config(tmp_path))
    assert sizes(loaded) == expected
    if len(folders) > 1:
        place = loaded.test_part.photos.names[loaded.test_part.index[0]].decode()
        assert place.startswith(folders[-1])


def test_counts_are_cut_evenly(tmp_path):
    fill(tmp_path, {"cat": 20, "dog": 20})
    loaded = data.load(config(tmp_path, train_examples=8, validation_examples=4, test_examples=2))
    assert sizes(loaded) == [8, 4, 2]
    assert np.bincount(loaded.train_part.labels).tolist() == [4, 4]
    with pytest.raises(DataError, match=r"dataset\.train_examples: received 99; accepted: 1 to 24"):
        data.load(config(tmp_path, train_examples=99))


def test_other_files_are_passed_over_and_suffixes_taken(tmp_path):
    fill(tmp_path, {"cat": 10, "dog": 10})
    (tmp_path / "cat" / "notes.txt").write_text("about cats")
    (tmp_path / "cat" / "._0.jpg").write_bytes(b"left by macOS")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "dog" / "A.PNG").write_bytes(encoded(picture(1), "PNG"))
    (tmp_path / "dog" / "B.JPEG").write_bytes(jpeg(2))
    given = config(tmp_path)
    data.check(given)
    assert sum(sizes(data.load(given))) == 22


def test_batches_of_both_kinds_of_file(tmp_path):
    fill(tmp_path, {"cat": 6, "dog": 6})
    for number in range(6):
        (tmp_path / "dog" / f"{number}.png").write_bytes(encoded(picture(number), "PNG"))
    loaded = data.load(config(tmp_path))
    for images, labels in loaded.train(5, seed=0).take(4):
        assert images.shape == (5, 32, 32, 3)
        assert set(np.asarray(labels)) <= {0, 1}


class TestRefusals:
    def test_no_folder(self, tmp_path):
        with pytest.raises(DataError, match="none received; accepted: a folder with a folder of"):
            data.check(ImageFolderConfig(name="image_folder", source="folder"))
        with pytest.raises(DataError, match="no such folder"):
            data.check(config(tmp_path / "nowhere"))

    def test_fewer_than_two_classes(self, tmp_path):
        with pytest.raises(DataError, match=r"1 folders of photographs there; .* two classes"):
            data.check(config(fill(tmp_path, {"cat": 3})))

    def test_an_empty_class(self, tmp_path):
        fill(tmp_path, {"cat": 9, "dog": 0})
        with pytest.raises(DataError, match=r"dog: no \.jpg, \.jpeg, \.png file in this class"):
            data.check(config(tmp_path))

    def test_other_classes_in_the_test_folder(self, tmp_path):
        fill(tmp_path / "train", {"cat": 9, "dog": 9})
        fill(tmp_path / "test", {"cat": 2, "cow": 2})
        with pytest.raises(DataError, match="test: other classes than in train"):
            data.check(config(tmp_path))

    def test_too_few_to_split(self, tmp_path):
        with pytest.raises(DataError, match="too few to split"):
            data.check(config(fill(tmp_path, {"cat": 1, "dog": 1})))

    def test_a_broken_file(self, tmp_path):
        path = fill(tmp_path, {"cat": 9, "dog": 9}) / "dog" / "3.jpg"
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(DataError, match=r"dog/3\.jpg: truncated"):
            data.check(config(tmp_path))
