"""Photographs to pixels: the right ones, of odd files too, and broken files refused by name."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from harness.data.images.base import CropOptions
from harness.data.images.photos import ops as photo_ops
from harness.data.images.photos import pipeline as photos
from harness.data.images.photos.data import Part, PhotoData
from harness.data.images.photos.pipeline import FilePhotos
from harness.errors import DataError
from tests.data.images.photo_files import encoded, jpeg, picture

SIZE = 48


def stored(folder, files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return FilePhotos(
        names=np.array([name.encode() for name in files]),
        sizes=np.array([len(content) for content in files.values()]),
        labels=np.arange(len(files)),
        root=folder,
    )


def data_of(found, augmentation=None, size=SIZE):
    part = Part(found, np.arange(len(found.labels)))
    names = tuple(map(str, found.labels))
    return PhotoData(
        *("photographs", "0", "made here", names, part, part, part),
        size=size,
        augmentation=augmentation or CropOptions(),
    )


def slim(image, size):
    """slim's preprocess_for_eval, step by step, of a picture decoded in full."""
    pixels = tf.image.convert_image_dtype(image, tf.float32)
    pixels = tf.image.central_crop(pixels, central_fraction=0.875)
    resized = tf.compat.v1.image.resize_bilinear(pixels[None], [size, size], align_corners=False)
    return (resized[0] - 0.5) * 2.0


@pytest.mark.parametrize("cache", [None, "memory"])
def test_what_is_sampled_is_evenly_spread_and_of_photographs_nothing_else_is_read(tmp_path, cache):
    files = {f"{number}.JPEG": jpeg(number) for number in range(7)}
    if cache is None:
        files |= {f"{number}.JPEG": b"not read" for number in (1, 2, 4, 5)}
    loaded = dataclasses.replace(data_of(stored(tmp_path / "photos", files)), cache=cache)
    expected = [photo_ops.evaluation_pixels(tf.constant(jpeg(n)), SIZE) for n in (0, 3, 6)]
    np.testing.assert_allclose(loaded.sampled(3), expected, atol=1e-2)


class TestEvaluation:
    @pytest.mark.parametrize("sides", [(90, 70), (71, 93), (500, 375), (20, 300), (1, 1), (9, 2)])
    @pytest.mark.parametrize("subsampling", [0, 2])
    def test_it_is_slims_of_any_size(self, sides, subsampling):
        content = encoded(picture(1, *sides), "JPEG", quality=90, subsampling=subsampling)
        expected = slim(tf.io.decode_jpeg(content, channels=3), SIZE)
        found = photo_ops.evaluation_pixels(tf.constant(content), SIZE)
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_a_png_is_too(self):
        content = encoded(picture(1), "PNG")
        expected = slim(tf.io.decode_png(content, channels=3), SIZE)
        found = photo_ops.evaluation_pixels(tf.constant(content), SIZE)
        np.testing.assert_allclose(found, expected, atol=1e-5)


class TestOddFiles:
    """What ImageNet holds besides plain JPEGs comes out as the picture that it shows."""

    @pytest.fixture
    def odd(self):
        image, plain = picture(3), jpeg(3)
        return {
            "plain.JPEG": plain,
            "cmyk.JPEG": encoded(image.convert("CMYK"), "JPEG", quality=95),
            "png.JPEG": encoded(image, "PNG"),
            "transparent.png": encoded(image.convert("RGBA"), "PNG"),
            "progressive.jpg": encoded(image, "JPEG", quality=92, progressive=True),
            "trailing.jpg": plain + b"what a camera added",
        }

    def test_all_look_alike(self, odd, tmp_path):
        found = stored(tmp_path, odd)
        photos.check(found)
        ((images, _),) = data_of(found).test(len(odd))
        for name, image in zip(odd, np.asarray(images), strict=True):
            assert np.abs(image - images[0]).mean() < 0.03, name

    def test_gray_ones_have_three_equal_channels(self, tmp_path):
        gray = encoded(picture(3).convert("L"), "JPEG")
        found = stored(tmp_path, {"gray.JPEG": gray})
        photos.check(found)
        for stream in (data_of(found).test(1), data_of(found).train(1, seed=0).take(1)):
            ((images, _),) = stream
            assert images.shape == (1, SIZE, SIZE, 3)
            np.testing.assert_allclose(images[..., 0], images[..., 2], atol=1e-5)

    def test_they_can_be_trained_on(self, odd, tmp_path):
        found = stored(tmp_path, odd)
        for images, _ in data_of(found, CropOptions(saturation=0.5)).train(6, seed=0).take(3):
            assert np.isfinite(images).all()


TRUNCATED = jpeg(5)[: len(jpeg(5)) // 2]
BROKEN = {
    "empty.JPEG": (b"", "an empty file"),
    "half.JPEG": (TRUNCATED, r"truncated or damaged after \d+ bytes"),
    "half.png": (encoded(picture(5), "PNG")[:900], r"truncated or damaged after 900 bytes"),
    "page.jpg": (b"<html>no such photograph</html>", "no photograph"),
    "short.jpg": (b"\xff", "no photograph"),
    "moving.jpg": (encoded(picture(5), "GIF"), r"no photograph \(a GIF\)"),
}


class TestBrokenFiles:
    @pytest.mark.parametrize("name", BROKEN)
    def test_check_names_them(self, name, tmp_path):
        content, complaint = BROKEN[name]
        found = stored(tmp_path, {"good.jpg": jpeg(1), name: content})
        with pytest.raises(DataError, match=f"{name}: {complaint}"):
            photos.check(found)

    @pytest.mark.parametrize("name", BROKEN)
    def test_training_and_evaluation_name_them(self, name, tmp_path):
        content, complaint = BROKEN[name]
        loaded = data_of(stored(tmp_path, {"good.jpg": jpeg(1), name: content}))
        for stream in (loaded.train(2, seed=0).take(1), loaded.test(2)):
            with pytest.raises(tf.errors.OpError, match=f"{name}: {complaint}"):
                list(stream)

    def test_a_large_set_is_sampled(self, tmp_path, monkeypatch):
        monkeypatch.setattr(photos, "CHECKED", 4)
        files = {f"{number}.jpg": jpeg(number) for number in range(8)}
        photos.check(stored(tmp_path, {**files, "5.jpg": TRUNCATED}))
        with pytest.raises(DataError, match=r"4\.jpg: truncated"):
            photos.check(stored(tmp_path, {**files, "4.jpg": TRUNCATED}))


class TestFingerprint:
    def test_contents_names_and_classes_count(self, tmp_path):
        files = {f"{number}.jpg": jpeg(number) for number in range(4)}
        found = stored(tmp_path, files)
        changed = bytearray(files["2.jpg"])
        changed[-9] ^= 1
        others = [
            stored(tmp_path / "changed", {**files, "2.jpg": bytes(changed)}),
            found.labelled(np.zeros(4)),
            found.taken(np.arange(3)),
        ]
        prints = {photos.fingerprint(each) for each in (found, *others)}
        assert len(prints) == 4
        backwards = found.taken(np.arange(4)[::-1])
        assert photos.fingerprint(backwards) == photos.fingerprint(found)

    def test_of_a_large_set_names_and_sizes_do(self, tmp_path, monkeypatch):
        monkeypatch.setattr(photos, "HASHED_WHOLE", 10)
        monkeypatch.setattr(photos, "HASHED", 2)
        files = {f"{number}.jpg": jpeg(number) for number in range(4)}
        before = photos.fingerprint(stored(tmp_path, files))
        longer = {**files, "1.jpg": files["1.jpg"] + b"\0"}
        assert photos.fingerprint(stored(tmp_path / "longer", longer)) != before
        sampled = {**files, "2.jpg": files["2.jpg"][:-1] + b"\0"}
        assert photos.fingerprint(stored(tmp_path / "sampled", sampled)) != before


class TestTraining:
    @pytest.fixture
    def found(self, tmp_path):
        return stored(tmp_path, {f"{number}.jpg": jpeg(number, 120, 90) for number in range(10)})

    def test_a_batch_is_decided_by_seed_and_step(self, found):
        varied = CropOptions(brightness=0.125, saturation=0.5)
        loaded = data_of(found, varied)
        steps = list(loaded.train(4, seed=2**40 + 1).take(7))  # into the fourth epoch
        for start in (0, 3, 6):
            (batch,) = loaded.train(4, seed=2**40 + 1, start_step=start).take(1)
            np.testing.assert_array_equal(batch[0], steps[start][0])
            np.testing.assert_array_equal(batch[1], steps[start][1])
        (other,) = loaded.train(4, seed=1).take(1)
        assert not np.array_equal(other[0], steps[0][0])

    def test_an_example_has_other_crops_in_other_epochs(self, found):
        one = Part(found, np.array([3]))
        loaded = data_of(found)
        crops = [
            image
            for image, _ in PhotoData(**{**vars(loaded), "train_split": one})
            .train(1, seed=0)
            .take(4)
        ]
        assert len({np.asarray(crop).tobytes() for crop in crops}) == 4

    def test_whole_photographs_are_the_mirrored_or_plain_ones(self, found):
        loaded = data_of(found, CropOptions(min_area=1.0, flip=True))
        images, labels = next(iter(loaded.train(10, seed=0)))
        mirrored = 0
        for image, label in zip(np.asarray(images), np.asarray(labels), strict=True):
            content = found.content(int(label))
            pixels = tf.io.decode_jpeg(content, channels=3, fancy_upscaling=False)
            plain = tf.compat.v1.image.resize_bilinear(pixels[None], [SIZE, SIZE])[0] / 127.5 - 1
            # Levels are rounded, so that each is off by up to a half of 1 / 127.5.
            is_plain = np.allclose(image, plain, atol=0.004)
            assert is_plain or np.allclose(image, plain[:, ::-1], atol=0.004)
            mirrored += not is_plain
        assert 0 < mirrored < 10

    def test_crops_cover_the_range_of_areas(self):
        """A picture that is its own coordinates tells which part a crop is."""
        x, y = np.meshgrid(np.linspace(0, 255, 400), np.linspace(0, 255, 300))
        pixels = np.stack([x, y, np.zeros_like(x)], -1).astype(np.uint8)
        content = tf.constant(encoded(Image.fromarray(pixels), "PNG"))
        areas, ratios = [], []
        for number in range(200):
            crop = photo_ops.training_pixels(content, 16, CropOptions(), tf.constant([number, 7]))
            found = np.asarray(crop, float)
            width, height = (np.ptp(found[..., axis]) / 255 * 16 / 15 for axis in (0, 1))
            areas.append(width * height)
            ratios.append(width * 400 / (height * 300))
        assert 0.04 < min(areas) < 0.2
        assert 0.8 < max(areas) < 1.1
        assert 0.7 < min(ratios) < 0.85
        assert 1.2 < max(ratios) < 1.5

    @pytest.mark.parametrize(("size", "ratio"), [(96, 1), (60, 2), (30, 4), (16, 8)])
    def test_large_crops_are_decoded_at_a_lower_resolution(self, size, ratio):
        """The crop of the photograph that is averaged over squares of so many pixels."""
        content = encoded(picture(4, 240, 176), "JPEG", quality=95, subsampling=0)
        whole = np.asarray(tf.io.decode_jpeg(content, channels=3), np.float32)
        squares = whole.reshape(176 // ratio, ratio, 240 // ratio, ratio, 3).mean(axis=(1, 3))
        used = 0
        for number in range(20):
            seed = tf.constant([number, 1])
            begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
                whole.shape,
                tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
                seed,
                min_object_covered=0.0,
                aspect_ratio_range=photo_ops.ASPECT,
                area_range=(0.3, 1.0),
            )
            (top, left), (height, width) = np.array([begin, extent])[:, :2]
            larger = min(height, width) // size
            if not (larger >= ratio and (ratio == 8 or larger < 2 * ratio)):
                continue
            used += 1
            rows = slice(top // ratio, top // ratio + height // ratio)
            columns = slice(left // ratio, left // ratio + width // ratio)
            crop = squares[rows, columns]
            expected = tf.compat.v1.image.resize_bilinear(crop[None], [size, size])[0]
            config = CropOptions(min_area=0.3)
            found = photo_ops.training_pixels(tf.constant(content), size, config, seed)
            np.testing.assert_allclose(found, expected, atol=6)
        assert used >= 2
