"""ImageNet in each of its layouts: the same photographs and classes, whole and damaged."""

import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from harness import data
from harness.data.images.base import CropOptions
from harness.data.images.imagenet import Imagenet
from harness.data.images.photos import pipeline as photos
from harness.errors import DataError
from tests.data.images import photo_files
from tests.data.images.photo_files import SYNSETS, training, truth, validation

SOURCES = ("folders", "tars", "tfds")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


def config(folder, source="folders", **options):
    given = {"size": 24, "classes": 3, "validation_examples": 3, **options}
    return Imagenet(name="imagenet", source=source, data_dir=str(folder), **given)


def folders(root, held_out="validation"):
    photo_files.write_folders(root, held_out)
    photo_files.write_kit(root)
    return root


def tars(root):
    photo_files.write_tars(root)
    photo_files.write_kit(root / "ILSVRC2012_devkit_t12" / "data")
    return root


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    place = tmp_path_factory.mktemp("imagenet")
    return {
        "folders": folders(place / "folders"),
        "tars": tars(place / "tars"),
        "tfds": photo_files.write_tfds(place / "tfds"),
    }


def contents(part):
    return [part.photos.content(int(number)) for number in part.index]


class TestLayouts:
    @pytest.mark.parametrize("source", SOURCES)
    def test_classes_are_the_sorted_synsets_and_every_label_is_right(self, roots, source):
        data.require(config(roots[source], source))
        loaded = data.load(config(roots[source], source))
        assert loaded.classes == SYNSETS
        label_of = {content: name.split("/")[0] for name, content in training().items()}
        for part in (loaded.train_split, loaded.validation_split):
            found = [SYNSETS[label] for label in part.labels]
            assert found == [label_of[content] for content in contents(part)]
        assert contents(loaded.test_split) == list(validation().values())
        assert [SYNSETS[label] for label in loaded.test_split.labels] == truth()

    def test_subsets_are_balanced_and_the_same_from_each_source(self, roots):
        options = {"train_examples": 6, "test_examples": 5, "split_seed": 4}
        chosen = {}
        for source in SOURCES:
            loaded = data.load(config(roots[source], source, **options))
            parts = (loaded.train_split, loaded.validation_split, loaded.test_split)
            chosen[source] = [contents(part) for part in parts]
            assert np.bincount(loaded.train_split.labels).tolist() == [2, 2, 2]
            assert np.bincount(loaded.validation_split.labels).tolist() == [1, 1, 1]
        assert chosen["folders"] == chosen["tars"] == chosen["tfds"]
        train, held_out, _ = chosen["folders"]
        assert not set(train) & set(held_out)

    @pytest.mark.parametrize("source", ["tars", "tfds"])
    def test_batches_are_those_of_the_folders(self, roots, source):
        for ours, theirs in zip(
            data.load(config(roots["folders"])).train(4, seed=2).take(2),
            data.load(config(roots[source], source)).train(4, seed=2).take(2),
            strict=True,
        ):
            np.testing.assert_array_equal(ours[0], theirs[0])
            np.testing.assert_array_equal(ours[1], theirs[1])

    def test_validation_photographs_in_folders_of_their_synsets(self, tmp_path):
        photo_files.write_folders(tmp_path, "val")
        for (name, _), synset in zip(validation().items(), truth(), strict=True):
            (tmp_path / "val" / synset).mkdir(exist_ok=True)
            (tmp_path / "val" / name).rename(tmp_path / "val" / synset / name)
        part = data.load(config(tmp_path)).test_split
        assert contents(part) == list(validation().values())  # in the order of the names
        assert [SYNSETS[label] for label in part.labels] == truth()

    def test_the_kept_index_is_used_and_a_damaged_one_found_again(
        self, roots, tmp_path, monkeypatch
    ):
        first = data.fingerprint(config(roots["tars"], "tars"))
        kept = sorted((tmp_path / "cache").iterdir())
        assert [path.suffix for path in kept] == [".npz", ".npz"]
        with monkeypatch.context() as patch:
            patch.setattr(tarfile, "open", None)  # no archive is opened again, but the labels are
            assert data.fingerprint(config(roots["tars"], "tars")) == first
        for path in kept:
            path.write_bytes(path.read_bytes()[:200])
        assert data.fingerprint(config(roots["tars"], "tars")) == first

    def test_checks_import_nothing_heavy(self, roots):
        code = f"""
import sys
from harness import data
from harness.data.images.imagenet import Imagenet
for source, folder in {[(source, str(roots[source])) for source in SOURCES]}:
    config = Imagenet(name="imagenet", source=source, data_dir=folder, classes=3,
                            validation_examples=3)
    data.require(config)
    data.fingerprint(config)
assert not {{"tensorflow", "tensorflow_datasets", "PIL"}} & set(sys.modules)
"""
        subprocess.run([sys.executable, "-c", code], check=True)


class TestFingerprint:
    def test_a_place_does_not_matter_but_names_classes_and_contents_do(self, tmp_path):
        seen = {data.fingerprint(config(folders(tmp_path / "a")))}
        root = folders(tmp_path / "b")
        assert {data.fingerprint(config(root))} == seen
        path = root / "train" / SYNSETS[1] / f"{SYNSETS[1]}_2.JPEG"
        content = bytearray(path.read_bytes())
        content[-3] ^= 1
        path.write_bytes(content)
        seen.add(data.fingerprint(config(root)))
        path.rename(path.with_name("other.JPEG"))
        seen.add(data.fingerprint(config(root)))
        labels = root / "ILSVRC2012_validation_ground_truth.txt"
        labels.write_text("1\n" * 7)
        seen.add(data.fingerprint(config(root)))
        assert len(seen) == 4

    def test_of_a_large_set_some_contents_count(self, tmp_path, monkeypatch):
        monkeypatch.setattr(photos, "HASHED_WHOLE", 1000)
        monkeypatch.setattr(photos, "HASHED", 2)
        root = folders(tmp_path / "a")
        before = data.fingerprint(config(root))
        changed = []
        for path in sorted((root / "train").rglob("*.JPEG")):
            content = path.read_bytes()
            path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
            changed.append(data.fingerprint(config(root)) != before)
            path.write_bytes(content)
        assert sum(changed) == 2


class TestRefusals:
    def refused(self, message, *args, **options):
        with pytest.raises(DataError, match=message):
            data.require(config(*args, **options))

    def test_missing_folders_and_files(self, tmp_path):
        self.refused(
            r"nowhere: no such folder; accepted: a folder with train", tmp_path / "nowhere"
        )
        self.refused("found nothing; accepted: a folder with train/SYNSET", tmp_path)
        self.refused(r"no ILSVRC2012_img_train\.tar, ILSVRC2012_img_val", tmp_path, "tars")
        self.refused(r"no imagenet2012/VERSION folder.*tfds build imagenet2012", tmp_path, "tfds")

    def test_other_numbers_of_classes(self, roots):
        self.refused(
            r"3 classes; accepted: 1000, .*dataset\.classes=3", roots["tars"], "tars", classes=1000
        )

    def test_a_thousand_classes_must_be_those_of_the_challenge(self, tmp_path, monkeypatch):
        monkeypatch.setattr("harness.data.images.imagenet.NUM_CLASSES", 3)
        self.refused("but not the synsets of ILSVRC 2012", folders(tmp_path))
        synsets = "\n".join(SYNSETS).encode()
        known = hashlib.sha256(synsets).hexdigest()
        monkeypatch.setattr("harness.data.images.imagenet.SYNSETS_SHA256", known)
        self.refused("18 training and 7 validation photographs; .*1,281,167", tmp_path)

    def test_no_labels(self, tmp_path):
        photo_files.write_folders(tmp_path)
        self.refused("no labels of the validation photographs", tmp_path)

    def test_no_validation_photograph(self, tmp_path):
        for path in folders(tmp_path).glob("validation/*"):
            path.unlink()
        self.refused(r"validation: no \.jpg.* file there", tmp_path)

    def test_more_examples_than_there_are(self, roots):
        self.refused(
            "train_examples: received 16; accepted: 1 to 15", roots["folders"], train_examples=16
        )

    @pytest.mark.parametrize(
        ("keep", "message"),
        [(0, "an empty file"), (400, "truncated or damaged"), (-2, "truncated or damaged")],
    )
    def test_broken_photographs(self, tmp_path, keep, message):
        path = folders(tmp_path) / "train" / SYNSETS[2] / f"{SYNSETS[2]}_3.JPEG"
        path.write_bytes(path.read_bytes()[:keep])
        self.refused(rf"{path.name}: {message}", tmp_path)

    def test_a_truncated_archive(self, tmp_path):
        path = tars(tmp_path) / "ILSVRC2012_img_train.tar"
        path.write_bytes(path.read_bytes()[:60_000])
        self.refused(r"img_train\.tar: no whole tar archive .*fetch it again", tmp_path, "tars")
        path.write_bytes(b"<html>not found</html>" * 100)
        self.refused(r"img_train\.tar: no whole tar archive", tmp_path, "tars")

    def test_an_archive_with_a_broken_photograph_names_it(self, tmp_path):
        tars(tmp_path)
        with tarfile.open(tmp_path / "ILSVRC2012_img_val.tar", "w") as tar:
            for number, (name, content) in enumerate(validation().items()):
                kept = content[:300] if number == 4 else content
                member = tarfile.TarInfo(name)
                member.size = len(kept)
                tar.addfile(member, io.BytesIO(kept))
        self.refused(r"img_val\.tar:ILSVRC2012_val_00000005\.JPEG: truncated", tmp_path, "tars")

    def test_a_truncated_shard(self, tmp_path):
        root = photo_files.write_tfds(tmp_path)
        (path,) = root.rglob("imagenet2012-train.tfrecord-00001*")
        path.write_bytes(path.read_bytes()[:-5])
        self.refused(r"train\.tfrecord-00001-of-00002: truncated at byte", root, "tfds")

    def test_records_of_another_data_set(self, tmp_path):
        root = photo_files.write_tfds(tmp_path)
        (path,) = root.rglob("imagenet2012-train.tfrecord-00001*")
        path.write_bytes((5).to_bytes(8, "little") + bytes(4) + b"\x0a\x03abc" + bytes(4))
        self.refused("no image, label and file_name", root, "tfds")

    def test_a_photograph_broken_since_ends_training_with_its_name(self, tmp_path):
        import tensorflow as tf

        loaded = data.load(config(folders(tmp_path), augmentation=CropOptions()))
        part = loaded.train_split
        path = Path(part.photos.place(int(part.index[7])))
        path.write_bytes(path.read_bytes()[:500])
        with pytest.raises(tf.errors.OpError, match=rf"{path.name}: truncated"):
            list(loaded.train(5, seed=0).take(3))
