"""Small pictures held in memory: shifted, mirrored, coloured and enlarged batch by batch."""

from dataclasses import dataclass
from typing import Any

from harness.config.schema import ShiftConfig
from harness.data.base import Split, batch_order, steps_from


@dataclass(frozen=True)
class PictureData:
    """A `Data` held in memory as uint8, given out as `size`×`size` pixels in [-1, 1].

    Attributes:
        name: Of the data set.
        fingerprint: Of its content.
        source: Where it came from, in words.
        num_classes: Number of classes.
        train_split: Pictures to train on, uint8 [n, height, width, 3].
        validation_split: Pictures to watch training by.
        test_split: Pictures that the result is measured on.
        size: Height and width of what the model sees; reached by bilinear interpolation.
        augmentation: How training pictures are varied.
    """

    name: str
    fingerprint: str
    source: str
    num_classes: int
    train_split: Split
    validation_split: Split
    test_split: Split
    size: int
    augmentation: ShiftConfig

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return (self.size, self.size, 3)

    @property
    def num_train(self) -> int:
        """Number of training pictures."""
        return len(self.train_split)

    def train(self, batch_size: int, seed: int, start_step: int = 0) -> Any:
        """Infinite stream of batches; the one at step t depends on (seed, t) alone.

        Args:
            batch_size: Examples in a batch (the global batch, under a strategy).
            seed: Decides order and variation; an integer in [0, 2**62).
            start_step: Global step of the first batch.

        Raises:
            ConfigError: If a batch does not fit in the training split.
        """
        import tensorflow as tf

        from harness.data.color import colored, drawer, scaled

        order = batch_order(self.name, self.num_train, batch_size, seed)
        pictures = tf.constant(self.train_split.inputs)
        labels = tf.constant(self.train_split.labels)
        draw = drawer(seed, 5)

        def batch(step: Any) -> tuple[Any, Any]:
            index = order(step)
            numbers = tf.reshape(tf.transpose(draw(step, batch_size)), [5, batch_size, 1, 1, 1])
            moved = self._moved(tf.gather(pictures, index), numbers[:3])
            pixels = colored(self._resized(moved), self.augmentation, numbers[3], numbers[4])
            return scaled(pixels), tf.gather(labels, index)

        return steps_from(start_step, batch)

    def validation(self, batch_size: int) -> Any:
        """Every validation picture in a fixed order, the last batch short."""
        return self._finite(self.validation_split, batch_size)

    def test(self, batch_size: int) -> Any:
        """Every test picture in a fixed order, the last batch short."""
        return self._finite(self.test_split, batch_size)

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

    def _finite(self, split: Split, batch_size: int) -> Any:
        import tensorflow as tf

        from harness.data.color import scaled

        def prepared(pictures: Any, labels: Any) -> tuple[Any, Any]:
            return scaled(self._resized(tf.cast(pictures, tf.float32))), labels

        examples = tf.data.Dataset.from_tensor_slices((split.inputs, split.labels))
        batches = examples.batch(batch_size)
        return batches.map(prepared, num_parallel_calls=2).prefetch(tf.data.AUTOTUNE)


def _within(index: Any, count: int) -> Any:
    return (index >= 0) & (index < count)
