"""ILSVRC 2012 from each of its sources: the same photographs, classes and order."""

import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from harness import data
from harness.config.schema import ImagenetConfig
from harness.data import imagenet, photo_index
from harness.errors import DataError
from tests.data.photo_files import (
    HELD_OUT,
    SYNSETS,
    training,
    truth,
    validation,
    write_folders,
    write_kit,
    write_tars,
    write_tfds,
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Indices of archives are kept here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def config(folder, source="folders", **options):
    given = {"classes": 3, "validation_examples": 3, "size": 40, **options}
    return ImagenetConfig(name="imagenet", source=source, data_dir=str(folder), **given)


def make(source, root):
    """A data set of the source; the development kit where it is needed."""
    if source == "tfds":
        return write_tfds(root)
    if source == "tars":
        write_kit(write_tars(root))
        return root
    write_kit(write_folders(root) / "ILSVRC2012_devkit_t12" / "data")
    return root


def held_out(loaded):
    """Name -> synset of the photographs that results are measured on."""
    found = loaded.test_part.photos
    names = [Path(name.decode()).name for name in found.names]
    return {name: SYNSETS[label] for name, label in zip(names, found.labels, strict=True)}


@pytest.mark.parametrize("source", imagenet.SOURCES)
class TestEverySource:
    def test_classes_and_bytes_are_the_originals(self, source, tmp_path):
        given = config(make(source, tmp_path / "set"), source)
        data.check(given)
        loaded = data.load(given)
        assert loaded.classes == SYNSETS
        assert held_out(loaded) == dict(zip(validation(), truth(), strict=True))
        found, expected = loaded.train_part.photos, training()
        assert len(found.names) == len(expected)
        for number, label in enumerate(found.labels):
            name = Path(found.names[number].decode()).name
            assert name.startswith(SYNSETS[label])
            assert found.content(number) == expected[f"{SYNSETS[label]}/{name}"]

    def test_validation_photographs_come_evenly_from_training_ones(self, source, tmp_path):
        loaded = data.load(config(make(source, tmp_path / "set"), source, train_examples=6))
        assert np.bincount(loaded.validation_part.labels).tolist() == [1, 1, 1]
        assert np.bincount(loaded.train_part.labels).tolist() == [2, 2, 2]
        assert not set(loaded.validation_part.index) & set(loaded.train_part.index)
        assert len(loaded.test_part) == HELD_OUT
        assert [len(labels) for _, labels in loaded.test(4)] == [4, 3]

    def test_checking_imports_nothing_heavy(self, source, tmp_path):
        folder = make(source, tmp_path / "set")
        code = f"""
import sys
from harness import data
from harness.config.schema import ImagenetConfig
config = ImagenetConfig(
    name="imagenet", source={source!r}, data_dir={str(folder)!r}, classes=3, validation_examples=3
)
data.check(config)
data.fingerprint(config)
assert "tensorflow" not in sys.modules
"""
        subprocess.run([sys.executable, "-c", code], check=True)


def test_all_sources_give_the_same_batches(tmp_path):
    loaded = [
        data.load(config(make(source, tmp_path / source), source)) for source in imagenet.SOURCES
    ]
    batches = [list(each.train(4, seed=7).take(4)) for each in loaded]
    resumed = [next(iter(each.train(4, seed=7, start_step=3))) for each in loaded]
    for other, late in zip(batches, resumed, strict=True):
        for ours, theirs in zip([*batches[0], batches[0][3]], [*other, late], strict=True):
            np.testing.assert_array_equal(ours[0], theirs[0])
            np.testing.assert_array_equal(ours[1], theirs[1])


class TestLabels:
    """The labels of a flat validation folder, in each format that they come in."""

    IDS = "".join(f"{SYNSETS.index(synset)}\n" for synset in truth())
    PAIRS = tuple(zip(validation(), truth(), strict=True))
    LINES = "".join(f"{name} {synset}\n" for name, synset in PAIRS)
    NUMBERED = "".join(f"{name} {SYNSETS.index(synset)}\n" for name, synset in PAIRS)
    KAGGLE = "ImageId,PredictionString\n" + "".join(
        f"{Path(name).stem},{synset} 85 1 499 272 {synset} 131 0 499 254 \n"
        for name, synset in reversed(PAIRS)
    )
    FORMATS = (
        ("val.txt", LINES),
        ("val.txt", NUMBERED),
        ("validation_labels.txt", LINES.replace(" ", ",")),
        ("LOC_val_solution.csv", KAGGLE),
        ("imagenet_2012_validation_synset_labels.txt", "\n".join(truth()) + "\n"),
    )

    @pytest.mark.parametrize(("name", "text"), FORMATS)
    def test_text_files(self, name, text, tmp_path):
        write_folders(tmp_path, "val")
        (tmp_path / name).write_text(text)
        loaded = data.load(config(tmp_path))
        assert held_out(loaded) == dict(zip(validation(), truth(), strict=True))

    def test_the_development_kit_as_its_archive(self, tmp_path):
        write_folders(tmp_path)
        write_kit(tmp_path / "kit" / "data")
        with tarfile.open(tmp_path / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as tar:
            tar.add(tmp_path / "kit" / "data", "ILSVRC2012_devkit_t12/data")
        loaded = data.load(config(tmp_path))
        assert held_out(loaded) == dict(zip(validation(), truth(), strict=True))

    def test_folders_by_synset(self, tmp_path):
        write_folders(tmp_path, "val")
        for name, synset in zip(validation(), truth(), strict=True):
            (tmp_path / "val" / synset).mkdir(exist_ok=True)
            (tmp_path / "val" / name).rename(tmp_path / "val" / synset / name)
        loaded = data.load(config(tmp_path))
        assert held_out(loaded) == dict(zip(validation(), truth(), strict=True))

    def test_no_labels(self, tmp_path):
        write_folders(tmp_path)
        with pytest.raises(DataError, match=r"no labels of the validation photographs; accepted"):
            data.check(config(tmp_path))

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            (LINES.replace(SYNSETS[0], "n00000000"), "n00000000 is no class"),
            ("\n".join(LINES.splitlines()[1:]), r"no label for ILSVRC2012_val_00000001\.JPEG"),
            ("\n".join(truth()[1:]), "6 labels for 7 validation photographs"),
            (IDS, r"accepted: synsets. Ids of the challenge belong into"),
            (NUMBERED.replace(" 2\n", " 3\n"), "class 3; accepted: 0 to 2"),
        ],
    )
    def test_labels_of_something_else(self, text, complaint, tmp_path):
        write_folders(tmp_path)
        (tmp_path / "val.txt").write_text(text)
        with pytest.raises(DataError, match=complaint):
            data.check(config(tmp_path))

    def test_ids_without_their_table(self, tmp_path):
        write_folders(tmp_path)
        write_kit(tmp_path)
        (tmp_path / "meta.mat").unlink()
        with pytest.raises(DataError, match=r"meta\.mat: cannot be read"):
            data.check(config(tmp_path))
        (tmp_path / "meta.mat").write_bytes(b"no table" * 40)
        with pytest.raises(DataError, match=r"meta\.mat: not the development kit's table"):
            data.check(config(tmp_path))


class TestRefusals:
    def test_another_number_of_classes(self, tmp_path):
        make("folders", tmp_path)
        with pytest.raises(DataError, match=r"3 classes; accepted: 1000, or .*classes=3"):
            data.check(config(tmp_path, classes=1000))

    def test_a_thousand_classes_of_another_kind_or_number(self, tmp_path, monkeypatch):
        make("folders", tmp_path)
        monkeypatch.setattr(imagenet, "NUM_CLASSES", 3)
        with pytest.raises(DataError, match="not the synsets of ILSVRC 2012"):
            data.check(config(tmp_path))
        lines = "\n".join(SYNSETS).encode()
        monkeypatch.setattr(imagenet, "SYNSETS_SHA256", hashlib.sha256(lines).hexdigest())
        with pytest.raises(DataError, match=r"18 training and 7 validation .* has 1,281,167"):
            data.check(config(tmp_path))

    def test_the_thousand_synsets_are_those_of_tfds(self):
        datasets = pytest.importorskip("tensorflow_datasets")
        path = datasets.core.tfds_path("image_classification/imagenet_resized_labels.txt")
        lines = "\n".join(sorted(path.read_text().split())).encode()
        assert hashlib.sha256(lines).hexdigest() == imagenet.SYNSETS_SHA256

    @pytest.mark.parametrize("source", ["folders", "tars"])
    def test_no_folder_or_another_layout(self, source, tmp_path):
        with pytest.raises(DataError, match="no such folder; accepted: a folder with"):
            data.check(config(tmp_path / "nowhere", source))
        (tmp_path / "images").mkdir()
        with pytest.raises(DataError, match=r"found:? images"):
            data.check(config(tmp_path, source))
        with pytest.raises(DataError, match="none received"):
            data.check(ImagenetConfig(name="imagenet", source=source, classes=3))

    def test_an_empty_class(self, tmp_path):
        make("folders", tmp_path)
        for path in (tmp_path / "train" / SYNSETS[1]).iterdir():
            path.unlink()
        with pytest.raises(DataError, match=rf"{SYNSETS[1]}: no \.jpg"):
            data.check(config(tmp_path))

    @pytest.mark.parametrize("keep", [700, 40_000])
    def test_a_truncated_tar(self, keep, tmp_path):
        path = make("tars", tmp_path) / "ILSVRC2012_img_train.tar"
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(DataError, match=r"ILSVRC2012_img_train\.tar.*fetch it again"):
            data.check(config(tmp_path, "tars"))

    def test_a_tar_that_is_compressed(self, tmp_path):
        make("tars", tmp_path)
        with tarfile.open(tmp_path / "ILSVRC2012_img_val.tar", "w:gz"):
            pass
        with pytest.raises(DataError, match=r"img_val\.tar: no whole tar archive"):
            data.check(config(tmp_path, "tars"))

    def test_truncated_records(self, tmp_path):
        write_tfds(tmp_path)
        (path, *_) = sorted(tmp_path.rglob("*train.tfrecord*"))
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(DataError, match=r"tfrecord-00000-of-00002: truncated at byte"):
            data.check(config(tmp_path, "tfds"))

    def test_records_of_another_data_set(self, tmp_path):
        import tensorflow as tf

        write_tfds(tmp_path)
        (path, *_) = sorted(tmp_path.rglob("*train.tfrecord*"))
        number = tf.train.Feature(int64_list=tf.train.Int64List(value=[1]))
        other = tf.train.Example(features=tf.train.Features(feature={"label": number}))
        with tf.io.TFRecordWriter(str(path)) as writer:
            writer.write(other.SerializeToString())
        with pytest.raises(DataError, match=r"byte 0 has no image, label and file_name"):
            data.check(config(tmp_path, "tfds"))


class TestIndex:
    def test_it_is_kept_and_read_again(self, tmp_path, cache, monkeypatch):
        given = config(make("tars", tmp_path / "set"), "tars")
        before = data.fingerprint(given)
        assert len(list(cache.rglob("photos-*.npz"))) == 2

        def unread(*_):
            raise AssertionError("read again")

        monkeypatch.setattr(photo_index, "_save", unread)
        assert data.fingerprint(given) == before

    def test_a_changed_archive_is_read_anew(self, tmp_path):
        root = make("tars", tmp_path / "set")
        before = data.fingerprint(config(root, "tars"))
        with tarfile.open(root / "ILSVRC2012_img_val.tar", "a") as tar:
            tar.add(__file__, "notes.txt")
            tar.add(root / "meta.mat", "ILSVRC2012_val_00000000.JPEG")
        with pytest.raises(DataError, match="7 labels for 8"):
            data.fingerprint(config(root, "tars"))
        make("tars", root)
        assert data.fingerprint(config(root, "tars")) == before

    def test_damaged_or_unwritable_it_is_found_again(self, tmp_path, cache, monkeypatch):
        given = config(make("tars", tmp_path / "set"), "tars")
        before = data.fingerprint(given)
        for path in cache.rglob("photos-*.npz"):
            path.write_bytes(path.read_bytes()[:50])
        assert data.fingerprint(given) == before
        monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
        assert data.fingerprint(given) == before
