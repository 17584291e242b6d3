"""Photographs kept decoded: the same batches to the bit, and refusals of what would not fit."""

import shutil

import numpy as np
import pytest

from harness import data
from harness.data import space
from harness.data.images.image_folder import ImageFolder
from harness.data.images.photos import kept
from harness.errors import ConfigError, DataError
from tests.data.images.photo_files import encoded, jpeg, picture

#: Sides of photographs that crops are taken of at each of the four resolutions, and odd ones.
SIDES = [(90, 70), (71, 93), (200, 150), (301, 217), (20, 40), (9, 13), (97, 263)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "photographs"
    for label, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for number, sides in enumerate(SIDES):
            (root / name / f"{number}.jpg").write_bytes(jpeg(100 * label + number, *sides))
        (root / name / "png.jpg").write_bytes(encoded(picture(label, 80, 90), "PNG"))
        chroma = encoded(picture(label, 333, 251), "JPEG", quality=80, subsampling=2)
        (root / name / "chroma.jpg").write_bytes(chroma)
        (root / name / "gray.jpg").write_bytes(encoded(picture(7).convert("L"), "JPEG"))
    return root


def config(folder, **options):
    return ImageFolder(data_dir=str(folder), size=24, **options)


def batches(loaded):
    found = [*loaded.train(5, seed=3, start_step=2).take(12).as_numpy_iterator()]
    for stream in (loaded.validation, loaded.test):
        found += stream(3).as_numpy_iterator()
    return found


@pytest.mark.parametrize("where", ["memory", "file"])
def test_batches_are_the_same_to_the_bit(folder, where):
    expected = batches(data.load(config(folder)))
    for _ in range(2):  # made, and found
        for one, two in zip(batches(data.load(config(folder, cache=where))), expected, strict=True):
            np.testing.assert_array_equal(one[0], two[0])
            np.testing.assert_array_equal(one[1], two[1])


def test_a_file_is_what_later_processes_read(folder, tmp_path):
    expected = batches(data.load(config(folder, cache="file")))
    found = data.load(config(folder, cache="file"))
    # nothing is decoded any more: the photographs may be gone
    shutil.rmtree(folder)
    for one, two in zip(batches(found), expected, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
    assert len([*(tmp_path / "cache").glob("decoded-*/pixels")]) == 3


def test_it_decides_no_result():
    from harness.config.compose import compose
    from harness.config.identity import cell_id

    given = ["experiment=mobilenet_v1_imagenet"]
    plain, cached = compose(given), compose([*given, "dataset.cache=file"])
    assert cell_id(plain, "data") == cell_id(cached, "data")


@pytest.mark.parametrize(("where", "place"), [("memory", "of memory are free"), ("file", "cache")])
def test_what_would_not_fit_is_refused_before_training(folder, monkeypatch, where, place):
    monkeypatch.setattr(space, "available", lambda: 1_000_000)
    usage = shutil.disk_usage(folder)._replace(free=1_000_000)
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ConfigError, match=rf"dataset.cache={where}: .*{place}.*dataset.cache=null"):
        data.require(config(folder, cache=where))
    monkeypatch.undo()
    data.require(config(folder, cache=where))


def test_what_is_foreseen_is_what_is_kept(folder):
    loaded = data.load(config(folder, cache="memory"))
    batches(loaded)
    parts = {id(each): each for each in (loaded.train_split, loaded.validation_split)}
    for (part, size), found in loaded._decoded.items():
        if part in parts:
            assert kept._foreseen(parts[part], size) == pytest.approx(found.pixels.nbytes, rel=0.1)


def test_a_damaged_photograph_is_refused_by_name_before_any_is_kept(folder):
    (folder / "cat" / "0.jpg").write_bytes(b"\xff\xd8\xff" + bytes(100) + b"\xff\xd9")
    with pytest.raises(DataError, match=r"cat/0\.jpg: truncated or damaged after 105 bytes"):
        data.require(config(folder, cache="memory"))


def test_another_place_is_refused(folder):
    with pytest.raises(
        ConfigError, match=r"dataset\.cache: received 'disk'; accepted: memory, file"
    ):
        data.require(config(folder, cache="disk"))
