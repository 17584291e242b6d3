"""Pixels of photographs beside slow references in Pillow and NumPy."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from harness.data.images.base import CropOptions
from harness.data.images.photos import ops as photo_ops
from harness.data.images.photos.pipeline import PackedPhotos
from tests.data.images.photo_files import encoded, jpeg, picture


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
    config = CropOptions(min_area=1, flip=True)
    plain = photo_ops.training_pixels(tf.constant(content), size, config, tf.constant([1, 2]))
    plain = plain.numpy().astype(float)
    place = (np.arange(size) + 0.5) * ratio - 0.5
    assert np.abs(plain[..., 0] - place[None, :]).mean() < 2
    assert np.abs(plain[..., 1] - place[:, None]).mean() < 2


def test_training_crops_are_of_the_area_and_sides_that_are_drawn():
    side = 256
    ramp = np.zeros((side, side, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(side)[None], np.arange(side)[:, None]
    content = tf.constant(encoded(Image.fromarray(ramp), "JPEG", quality=98, subsampling=0))
    config, size = CropOptions(min_area=0.2, flip=False), 64
    shares, aspects = [], []
    for number in range(60):
        pixels = photo_ops.training_pixels(content, size, config, tf.constant([7, number]))
        red, green, _ = np.moveaxis(pixels.numpy().astype(float), -1, 0)
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
        crop = photo_ops.training_pixels(content, 16, CropOptions(), tf.constant([1, number]))
        assert crop.shape == (16, 16, 3)
    assert photo_ops.evaluation_pixels(content, 16).shape == (16, 16, 3)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", [20, 32, 90])
def test_training_pixels_follow_a_slow_reference(mode, size):
    """Of a whole picture, made smaller and larger, to the nearest level."""
    content = encoded(picture(5, 60, 44).convert(mode), "PNG")
    config = CropOptions(min_area=1)
    found = photo_ops.training_pixels(tf.constant(content), size, config, tf.constant([3, 4]))
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), float)
    np.testing.assert_allclose(found, bilinear(pixels, size), atol=0.501)


@pytest.mark.parametrize(("saturation", "brightness"), [(0.5, 0.25), (0.5, 0.0), (0.0, 0.25)])
def test_colour_and_mirroring_follow_a_slow_reference(saturation, brightness):
    rng = np.random.RandomState(0)
    pixels = rng.randint(0, 256, (6, 7, 7, 3)).astype(np.uint8)
    config = CropOptions(brightness=brightness, saturation=saturation)
    draws = rng.uniform(0, 1, (2, 6)).astype(np.float32)
    mirror = [True, False, False, True, True, False]
    blends = photo_ops.blends(config, *map(tf.constant, draws))
    found = photo_ops.finished(tf.constant(pixels), blends, tf.constant(mirror)).numpy()
    for number, (saturated, brightened) in enumerate(draws.T):
        gray = pixels[number] @ np.array([0.299, 0.587, 0.114])
        factor = 1 + saturation * (2 * saturated - 1)
        expected = factor * pixels[number] + (1 - factor) * gray[..., None]
        expected = np.clip(expected + 255 * brightness * (2 * brightened - 1), 0, 255)
        if mirror[number]:
            expected = expected[:, ::-1]
        np.testing.assert_allclose((found[number] + 1) * 127.5, expected, atol=1e-3)


def test_nothing_stateful_keeps_photographs_from_being_read_in_parallel():
    """Where kernels are to be deterministic, tf.data runs stateful functions one by one."""
    found = PackedPhotos(
        *(np.array([b"a"]), np.array([1]), np.array([0])), ("large",), np.array([0]), np.array([0])
    )
    read = found.reader()

    @tf.function
    def pixels(number):
        content = photo_ops.whole(read(number), number, lambda content, number: content)
        return photo_ops.training_pixels(content, 16, CropOptions(), tf.constant([1, 2]))

    graph = pixels.get_concrete_function(tf.TensorSpec([], tf.int64)).graph.as_graph_def()
    functions = [list(function.node_def) for function in graph.library.function]
    used = {node.op for nodes in [list(graph.node), *functions] for node in nodes}
    assert {"PyFuncStateless", "StatelessIf", "StatelessCase"} <= used
    assert not used & {"PyFunc", "EagerPyFunc", "If", "Case", "StatefulPartitionedCall"}
