"""Pixels of photographs beside slow references in Pillow and NumPy."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from harness.config.schema import CropConfig
from harness.data import photo_ops
from tests.data.photo_files import encoded, jpeg, picture


def bilinear(pixels, size):
    """TensorFlow 1's: the first corner kept, each output pixel's place multiplied up."""
    height, width = pixels.shape[:2]
    out = np.empty((size, size, 3))
    for row in range(size):
        for column in range(size):
            y, x = row * height / size, column * width / size
            top, left = int(y), int(x)
            below, right = min(top + 1, height - 1), min(left + 1, width - 1)
            upper = pixels[top, left] * (1 - x + left) + pixels[top, right] * (x - left)
            lower = pixels[below, left] * (1 - x + left) + pixels[below, right] * (x - left)
            out[row, column] = upper * (1 - y + top) + lower * (y - top)
    return out


def reference(content, size):
    """Decoded whole, the central 87.5 % of each side, bilinear; in [0, 255]."""
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), float)
    height, width = pixels.shape[:2]
    top, left = int((height - height * 0.875) / 2), int((width - width * 0.875) / 2)
    return bilinear(pixels[top : height - top, left : width - left], size)


def evaluated(content, size):
    return (photo_ops.evaluation_pixels(tf.constant(content), size).numpy() + 1) * 127.5


KINDS = {
    "colour": jpeg(3, 151, 97),
    "gray": encoded(picture(3, 97, 151).convert("L"), "JPEG", quality=95),
    "CMYK": encoded(picture(3, 120, 90).convert("CMYK"), "JPEG", quality=95),
    "progressive": encoded(picture(3, 120, 90), "JPEG", quality=95, progressive=True),
    "tiny": jpeg(3, 5, 9),
}


@pytest.mark.parametrize("kind", KINDS)
def test_evaluation_of_a_jpeg(kind):
    """Within what Pillow's and TensorFlow's cosine transforms (and CMYK) differ by."""
    difference = np.abs(evaluated(KINDS[kind], 32) - reference(KINDS[kind], 32))
    assert difference.max() < 8
    assert difference.mean() < 1.5


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA"])
def test_evaluation_of_a_png_is_exact(mode):
    content = encoded(picture(4, 80, 60).convert(mode), "PNG")
    np.testing.assert_allclose(evaluated(content, 32), reference(content, 32), atol=1e-3)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_evaluation_is_to_the_pixel_that_of_decoding_first(subsampling):
    """On noise, where colour smoothed over the edge of a crop would show."""
    rng = np.random.RandomState(subsampling)
    for _ in range(6):
        height, width = rng.randint(17, 200, 2)
        noise = Image.fromarray(rng.randint(0, 256, (height, width, 3)).astype(np.uint8))
        content = encoded(noise, "JPEG", quality=80, subsampling=subsampling)
        whole = tf.image.central_crop(tf.io.decode_jpeg(content, channels=3), 0.875)
        expected = bilinear(whole.numpy().astype(float), 20)
        np.testing.assert_allclose(evaluated(content, 20), expected, atol=1e-2)


@pytest.mark.parametrize("ratio", [1, 2, 4, 8])
def test_a_training_crop_is_where_it_was_drawn(ratio):
    """At every resolution that is decoded: a ramp tells place and extent of a crop."""
    side, size = 256, 256 // ratio
    ramp = np.zeros((side, side, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(side)[None], np.arange(side)[:, None]
    content = encoded(Image.fromarray(ramp), "JPEG", quality=98, subsampling=0)
    config = CropConfig(min_area=1, flip=True)
    seed = tf.constant([1, 2])
    plain = photo_ops.training_pixels(tf.constant(content), size, config, seed, False).numpy()
    mirrored = photo_ops.training_pixels(tf.constant(content), size, config, seed, True).numpy()
    np.testing.assert_array_equal(mirrored, plain[:, ::-1])
    place = (np.arange(size) + 0.5) * ratio - 0.5
    assert np.abs(plain[..., 0] - place[None, :]).mean() < 2
    assert np.abs(plain[..., 1] - place[:, None]).mean() < 2


def test_training_crops_are_of_the_area_and_sides_that_are_drawn():
    side = 256
    ramp = np.zeros((side, side, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(side)[None], np.arange(side)[:, None]
    content = tf.constant(encoded(Image.fromarray(ramp), "JPEG", quality=98, subsampling=0))
    config, size = CropConfig(min_area=0.2, flip=False), 64
    shares, aspects = [], []
    for number in range(60):
        pixels = photo_ops.training_pixels(content, size, config, tf.constant([7, number]), False)
        red, green = pixels.numpy()[..., 0], pixels.numpy()[..., 1]
        width = (red[:, -1] - red[:, 0]).mean() * size / (size - 1)
        height = (green[-1] - green[0]).mean() * size / (size - 1)
        shares.append(width * height / side**2)
        aspects.append(width / height)
    assert 0.17 < min(shares) < 0.4
    assert 0.7 < max(shares) <= 1.05
    assert 0.7 < min(aspects) < 0.95
    assert 1.05 < max(aspects) < 1.42


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 60), (3, 2)])
def test_pictures_of_a_few_pixels_are_enlarged(width, height):
    content = tf.constant(jpeg(2, width, height))
    for number in range(4):
        crop = photo_ops.training_pixels(content, 16, CropConfig(), tf.constant([1, number]), True)
        assert crop.shape == (16, 16, 3)
    assert photo_ops.evaluation_pixels(content, 16).shape == (16, 16, 3)


def test_colour_follows_a_slow_reference():
    pixels = np.random.RandomState(0).uniform(0, 255, (6, 6, 3)).astype(np.float32)
    config = CropConfig(brightness=0.25, saturation=0.5)
    draws = tf.constant([0.9]), tf.constant([0.2])
    matrices, offsets = photo_ops.color_matrices(config, *draws)
    found = photo_ops.recolored(tf.constant(pixels), matrices[0], offsets[0]).numpy()
    gray = pixels @ np.array([0.299, 0.587, 0.114])
    factor, shift = 1 + 0.5 * 0.8, 255 * 0.25 * -0.6
    expected = np.clip(factor * pixels + (1 - factor) * gray[..., None] + shift, 0, 255)
    np.testing.assert_allclose((found + 1) * 127.5, expected, atol=1e-3)
