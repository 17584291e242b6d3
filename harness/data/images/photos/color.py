"""Pixels in TensorFlow: random numbers of a step, colour, and the range that models take."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from harness.data.images.base import ColorOptions


def drawer(seed: int, count: int) -> Callable[[Any, int], Any]:
    """Random numbers that depend on (seed, step, position in the batch) alone.

    Args:
        seed: An integer in [0, 2**62).
        count: How many numbers an image needs.

    Returns:
        A function (int64 step, batch size) -> float32 [batch size, count] in [0, 1).
    """
    key = tf.constant([seed & 0x7FFFFFFF, seed >> 31 & 0x7FFFFFFF], tf.int64)

    def draw(step: Any, batch_size: int) -> Any:
        own = tf.random.fold_in(tf.random.fold_in(key, 1), step)
        return tf.random.stateless_uniform([batch_size, count], own)

    return draw


def colored(pixels: Any, config: ColorOptions, brightness: Any, saturation: Any) -> Any:
    """Saturation, then brightness, varied by numbers in [0, 1).

    As `distort_color` of https://github.com/tensorflow/models (slim, inception_preprocessing)
    has them in its fast mode, in the order that it takes three times of four.

    Args:
        pixels: float32 [..., 3] in [0, 255].
        config: How much.
        brightness: A number for each image, of a shape that broadcasts with `pixels`.
        saturation: Likewise.
    """
    if config.saturation:
        factor = 1 + config.saturation * (2 * saturation - 1)
        # Saturation is (V - min) / V with V the largest channel; scaling it scales each
        # channel's distance from V, up to the factor that makes the smallest zero.
        red, green, blue = pixels[..., 0:1], pixels[..., 1:2], pixels[..., 2:3]
        value = tf.maximum(tf.maximum(red, green), blue)
        spread = value - tf.minimum(tf.minimum(red, green), blue)
        factor = tf.minimum(factor, tf.math.divide_no_nan(value, spread))
        pixels = value + (pixels - value) * factor
    if config.brightness:
        pixels = pixels + 255 * config.brightness * (2 * brightness - 1)
    if config.saturation or config.brightness:
        pixels = tf.clip_by_value(pixels, 0.0, 255.0)
    return pixels


def scaled(pixels: Any) -> Any:
    """[0, 255] to [-1, 1]: the range of the TensorFlow models of keras.applications."""
    return pixels * (1 / 127.5) - 1.0
