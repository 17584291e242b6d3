"""From a photograph's bytes to the pixels that a model takes, in TensorFlow.

Only the crop that is wanted is decoded, and where it is at least twice as large as the model's
input, at a half, a quarter or an eighth of the resolution, which the JPEG's own cosine transform
gives at once. Evaluation decodes the central 87.5 % in full resolution: to the pixel what slim's
`preprocess_for_eval` (https://github.com/tensorflow/models, inception_preprocessing) makes of a
photograph that is decoded first and cropped then.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from harness.data.images.base import CropOptions
from harness.data.images.photos import file as photo_file
from harness.data.images.photos.color import scaled

#: Of each side, in evaluation.
CENTRAL = 0.875
#: Sides of a training crop, width by height.
ASPECT = (0.75, 1.33)
#: What a cosine transform of 8×8 can leave out.
RATIOS = (1, 2, 4, 8)
_EDGE = 2
#: How bright red, green and blue look (ITU-R BT.601).
LUMA = (0.299, 0.587, 0.114)


def whole(content: Any, number: Any, inspect: Callable[[bytes, int], bytes]) -> Any:
    """The bytes of a photograph, whose ends tell that it is whole; else `inspect` decides.

    Args:
        content: The bytes.
        number: The photograph's.
        inspect: Takes both, raises what names the photograph, or returns the bytes.
    """
    size = tf.strings.length(content)
    tail = tf.strings.substr(content, tf.maximum(size - 2, 0), 2)
    # JPEG without its end, PNG and all else are rare: Python looks at those.
    fine = _starts(content, photo_file.JPEG) & (tail == photo_file.JPEG_END)

    def inspected() -> Any:
        # Called stateful, it would make tf.data read one photograph at a time wherever TensorFlow's
        # kernels are to be deterministic.
        found = tf.numpy_function(inspect, [content, number], tf.string, stateful=False)
        return tf.ensure_shape(found, [])

    return tf.cond(fine, lambda: content, inspected)


def training_pixels(content: Any, size: int, config: CropOptions, seed: Any) -> Any:
    """A random crop of a photograph, resized, in whole levels: uint8 [size, size, 3].

    Args:
        content: Its bytes.
        size: Height and width.
        config: How much of it a crop has at least.
        seed: Two integers that decide the crop.
    """

    def from_jpeg() -> Any:
        begin, extent = _window(tf.image.extract_jpeg_shape(content), config, seed)
        which = _level(extent, size)
        branches = {at: _crop_at(content, begin, extent, ratio) for at, ratio in enumerate(RATIOS)}
        return tf.switch_case(which, branches)

    def from_png() -> Any:
        image = tf.io.decode_png(content, channels=3)
        return _slice(image, *_window(tf.shape(image), config, seed))

    crop = tf.cond(_starts(content, photo_file.JPEG), from_jpeg, from_png)
    return _leveled(crop, size)


def window_pixels(
    sides: Any, levels: Any, crop: Any, size: int, config: CropOptions, seed: Any
) -> Any:
    """`training_pixels` of a photograph that is decoded already.

    Args:
        sides: Its height and width.
        levels: At how many of `RATIOS` it was decoded.
        crop: A function of a level, a crop's beginning and its sides, there.
        size: As there.
        config: As there.
        seed: As there.
    """
    begin, extent = _window(tf.concat([sides, [3]], 0), config, seed)
    which = tf.minimum(_level(extent, size), levels - 1)
    ratio = tf.gather(tf.constant(RATIOS), which)
    return _leveled(crop(which, begin // ratio, tf.maximum(extent // ratio, 1)), size)


def _level(extent: Any, size: int) -> Any:
    """Which of `RATIOS` a crop is decoded at."""
    larger = tf.reduce_min(extent) // size
    return tf.reduce_sum(tf.cast(larger >= tf.constant(RATIOS[1:]), tf.int32))


def _leveled(crop: Any, size: int) -> Any:
    return tf.cast(_resized(crop, size) + 0.5, tf.uint8)


def _window(shape: Any, config: CropOptions, seed: Any) -> tuple[Any, Any]:
    """Where a random crop begins, and its sides."""
    if config.min_area == 1:
        return tf.zeros([2], tf.int32), shape[:2]
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        seed,
        min_object_covered=0.0,
        aspect_ratio_range=ASPECT,
        area_range=(config.min_area, 1.0),
    )
    return begin[:2], extent[:2]


def evaluation_pixels(content: Any, size: int) -> Any:
    """The central part of a photograph: float32 [size, size, 3] in [-1, 1]."""
    return centered(central(content), size)


def centered(crop: Any, size: int) -> Any:
    """What a model sees of a photograph's central part: float32 [size, size, 3] in [-1, 1]."""
    return scaled(_resized(crop, size))


def central(content: Any) -> Any:
    """The central part of a photograph, decoded: uint8 [height, width, 3]."""

    def from_jpeg() -> Any:
        shape = tf.image.extract_jpeg_shape(content)
        begin, extent = _central(shape)
        # The decoder smooths colour over the edge of what it is asked for: ask for more.
        outer = tf.maximum(begin - _EDGE, 0)
        end = tf.minimum(begin + extent + _EDGE, shape[:2])
        around = tf.concat([outer, end - outer], 0)
        image = tf.image.decode_and_crop_jpeg(content, around, channels=3)
        return _slice(image, begin - outer, extent)

    def from_png() -> Any:
        image = tf.io.decode_png(content, channels=3)
        return _slice(image, *_central(tf.shape(image)))

    return tf.cond(_starts(content, photo_file.JPEG), from_jpeg, from_png)


def decoded(content: Any, size: int) -> list[Any]:
    """A whole photograph at each of `RATIOS`, as crops of it are decoded for `size`: uint8
    [height, width, 3], empty where no crop is wide enough to be taken of it.
    """

    def from_jpeg() -> tuple[Any, ...]:
        sides = tf.image.extract_jpeg_shape(content)[:2]

        def at(ratio: int) -> Any:
            return tf.image.decode_jpeg(content, channels=3, ratio=ratio, fancy_upscaling=False)

        return at(1), *(
            tf.cond(tf.reduce_min(sides) // size >= ratio, lambda ratio=ratio: at(ratio), _nothing)
            for ratio in RATIOS[1:]
        )

    def from_png() -> tuple[Any, ...]:
        return tf.io.decode_png(content, channels=3), *(_nothing() for _ in RATIOS[1:])

    return list(tf.cond(_starts(content, photo_file.JPEG), from_jpeg, from_png))


def _nothing() -> Any:
    return tf.zeros([0, 0, 3], tf.uint8)


def blends(config: CropOptions, saturation: Any, brightness: Any) -> Any:
    """What `finished` applies, for numbers [batch] in [0, 1).

    Returns:
        For each image the weight of its colours, that of its gray, and what is added: [batch, 3],
        from [0, 255] to [-1, 1].
    """
    factor = 1 + config.saturation * (2 * saturation - 1)
    shift = 2 * config.brightness * (2 * brightness - 1) - 1
    return tf.stack([factor / 127.5, (1 - factor) / 127.5, shift], 1)


@tf.function(jit_compile=True)
def finished(pixels: Any, blend: Any, mirror: Any) -> Any:
    """A batch, mirrored where asked for, saturation and brightness varied: float32 in [-1, 1].

    Saturation is a blend with the gray picture, which is linear, unlike slim's in HSV. XLA makes
    one loop of it all, where each operation of TensorFlow is a pass over the pixels. It does so in
    a thread of its own, for which single images would wait too often on a busy machine.

    Args:
        pixels: uint8 [batch, height, width, 3].
        blend: float32 [batch, 3], of `blends`.
        mirror: Whether to mirror each: [batch].
    """
    pixels = tf.where(mirror[:, None, None, None], pixels[:, :, ::-1], pixels)
    pixels = tf.cast(pixels, tf.float32)
    colors, gray, shift = (blend[:, None, None, at : at + 1] for at in range(3))
    red, green, blue = (LUMA[at] * pixels[..., at : at + 1] for at in range(3))
    varied = pixels * colors + ((red + green + blue) * gray + shift)
    return tf.clip_by_value(varied, -1.0, 1.0)


def _starts(content: Any, signature: bytes) -> Any:
    short = tf.minimum(tf.strings.length(content), len(signature))
    return tf.strings.substr(content, 0, short) == signature


def _crop_at(content: Any, begin: Any, extent: Any, ratio: int) -> Callable[[], Any]:
    def decode() -> Any:
        # In the coordinates of the reduced picture, whose sides are rounded up.
        window = tf.concat([begin // ratio, tf.maximum(extent // ratio, 1)], 0)
        return tf.image.decode_and_crop_jpeg(
            content, window, channels=3, ratio=ratio, fancy_upscaling=False
        )

    return decode


def _central(shape: Any) -> tuple[Any, Any]:
    """The window of `tf.image.central_crop`."""
    sides = tf.cast(shape[:2], tf.float64)
    begin = tf.cast((sides - sides * CENTRAL) / 2, tf.int32)
    return begin, shape[:2] - 2 * begin


def _slice(image: Any, begin: Any, extent: Any) -> Any:
    return tf.slice(image, tf.concat([begin, [0]], 0), tf.concat([extent, [3]], 0))


def _resized(crop: Any, size: int) -> Any:
    """Bilinear, with the corners where slim's TensorFlow 1 had them."""
    pixels = tf.cast(crop, tf.float32)  # of bytes, the operation takes nearly twice as long
    resized = tf.raw_ops.ResizeBilinear(images=pixels[tf.newaxis], size=[size, size])[0]
    return tf.ensure_shape(resized, [size, size, 3])
