"""Small pictures held in memory: shifted, mirrored, coloured and enlarged batch by batch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.data.base import ArrayData
from harness.data.images.base import ShiftOptions


@dataclass(frozen=True)
class PictureData(ArrayData):
    """A `Data` held in memory as uint8, given out as `size`×`size` pixels in [-1, 1].

    Attributes:
        name: Of the data set.
        fingerprint: Of its content.
        source: Where it came from, in words.
        classes: Name of each class.
        train_split: Pictures to train on, uint8 [n, height, width, 3].
        validation_split: Pictures to watch training by.
        test_split: Pictures that the result is measured on.
        size: Height and width of what the model sees; reached by bilinear interpolation.
        augmentation: How training pictures are varied.
    """

    size: int
    augmentation: ShiftOptions

    @property
    def input_shape(self) -> tuple[Any, ...]:
        """Shape of one example."""
        return (self.size, self.size, 3)

    def _prepared(self, inputs: Any) -> Any:
        import tensorflow as tf

        from harness.data.images.photos.color import scaled

        return scaled(self._resized(tf.cast(inputs, tf.float32)))

    def _varied(self, seed: int) -> Callable[[Any, Any], Any]:
        import tensorflow as tf

        from harness.data.images.photos.color import colored, drawer, scaled

        draw = drawer(seed, 5)

        def varied(pictures: Any, step: Any) -> Any:
            batch = pictures.shape[0]
            numbers = tf.reshape(tf.transpose(draw(step, batch)), [5, batch, 1, 1, 1])
            resized = self._resized(self._moved(pictures, numbers[:3]))
            return scaled(colored(resized, self.augmentation, numbers[3], numbers[4]))

        return varied

    def _moved(self, pictures: Any, numbers: Any) -> Any:
        """Shifts up to so many pixels each way and mirrors half, by numbers [3, batch, …]."""
        import tensorflow as tf

        height, width = pictures.shape[1:3]
        shift, batch = self.augmentation.shift, pictures.shape[0]
        pixels = tf.cast(pictures, tf.float32)
        if not shift and not self.augmentation.flip:
            return pixels
        offsets = tf.cast(tf.floor(numbers[:2] * (2 * shift + 1)), tf.int32) - shift
        rows = tf.reshape(offsets[0], [batch, 1]) + tf.range(height)
        columns = tf.reshape(offsets[1], [batch, 1]) + tf.range(width)
        if self.augmentation.flip:
            mirrored = tf.reshape(numbers[2], [batch, 1]) < 0.5
            columns = tf.where(mirrored, columns[:, ::-1], columns)
        pixels = tf.gather(pixels, tf.clip_by_value(rows, 0, height - 1), axis=1, batch_dims=1)
        pixels = tf.gather(pixels, tf.clip_by_value(columns, 0, width - 1), axis=2, batch_dims=1)
        if not shift:
            return pixels
        inside = _within(rows, height)[:, :, None] & _within(columns, width)[:, None, :]
        return tf.where(inside[..., None], pixels, 127.5)

    def _resized(self, pixels: Any) -> Any:
        import tensorflow as tf

        if pixels.shape[1:3] == (self.size, self.size):
            return pixels
        return tf.image.resize(pixels, [self.size, self.size])


def _within(index: Any, count: int) -> Any:
    return (index >= 0) & (index < count)
