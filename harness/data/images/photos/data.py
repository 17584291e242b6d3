"""A set of photographs on disk, of any number: read, decoded and cropped batch by batch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from harness.data.base import Data
from harness.data.images.base import CropOptions
from harness.data.images.photos import file as photo_file
from harness.data.images.photos.kept import Kept, file_name, kept
from harness.data.images.photos.pipeline import Part, Photos
from harness.data.stream import batch_order, steps


@dataclass(frozen=True)
class PhotoData(Data):
    """A `Data` of photographs on disk, given out as `size`×`size` pixels in [-1, 1].

    Attributes:
        name: Of the data set.
        fingerprint: Of its photographs.
        source: Where they came from, in words.
        classes: Name of each class.
        train_split: Photographs to train on.
        validation_split: Photographs to watch training by.
        test_split: Photographs that the result is measured on.
        size: Height and width of what the model sees.
        augmentation: How training photographs are cropped and varied.
        cache: Where they are kept decoded (`photos.kept`); None decodes them anew.
    """

    name: str
    fingerprint: str
    source: str
    classes: tuple[str, ...]
    train_split: Part
    validation_split: Part
    test_split: Part
    size: int
    augmentation: CropOptions
    cache: str | None = None

    @property
    def input_shape(self) -> tuple[Any, ...]:
        """Shape of one example."""
        return (self.size, self.size, 3)

    def batches(self, batch_size: int, seed: int, start_step: int = 0) -> Any:
        """The stream of `train`, of which whole batches are not prepared ahead.

        A photograph that is not whole ends the stream with an error that names it.
        """
        import tensorflow as tf

        from harness.data.images.photos import ops as photo_ops
        from harness.data.images.photos.color import drawer

        order = batch_order(self.name, self.num_train, batch_size, seed)
        index, cropped = self._cropped()
        numbers, labels = tf.constant(index), tf.constant(self.train_split.labels)
        draw, varied = drawer(seed, 5), self.augmentation

        def plan(step: Any) -> tuple[Any, ...]:
            """What each example of a batch is, and all its random numbers."""
            index, drawn = order(step), draw(step, batch_size)
            crops = tf.cast(drawn[:, :2] * 2**24, tf.int32)
            blends = photo_ops.blends(varied, drawn[:, 2], drawn[:, 3])
            mirrored = (drawn[:, 4] < 0.5) & varied.flip
            return tf.gather(numbers, index), tf.gather(labels, index), crops, blends, mirrored

        def example(number: Any, label: Any, crop: Any, blend: Any, mirror: Any) -> Any:
            return cropped(number, crop), blend, mirror, label

        def finish(pixels: Any, blend: Any, mirror: Any, label: Any) -> tuple[Any, Any]:
            return photo_ops.finished(pixels, blend, mirror), label

        planned = steps(start_step).map(plan).unbatch()
        examples = planned.map(example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return examples.batch(batch_size, drop_remainder=True).map(finish)

    def _stream(self, batch_size: int, seed: int, start_step: int) -> Any:
        return self.batches(batch_size, seed, start_step)

    def _cropped(self) -> tuple[np.ndarray, Callable[[Any, Any], Any]]:
        """Numbers of the training photographs, and a crop's pixels by number and seed."""
        from harness.data.images.photos import ops as photo_ops

        part, size, varied = self.train_split, self.size, self.augmentation
        if self.cache is None:
            read = _reader(part.photos)
            return part.index, lambda number, seed: photo_ops.training_pixels(
                read(number), size, varied, seed
            )
        pictures = self._kept(part, size)
        return np.arange(len(part)), lambda row, seed: photo_ops.window_pixels(
            *pictures.picture(row), size, varied, seed
        )

    def _finite(self, split: Part, batch_size: int, numbers: np.ndarray | None = None) -> Any:
        import tensorflow as tf

        from harness.data.images.photos import ops as photo_ops

        if self.cache is None:
            read = _reader(split.photos)
            index, central = split.index, lambda number: photo_ops.central(read(number))
        else:
            index, central = np.arange(len(split)), self._kept(split, 0).whole

        def example(number: Any, label: Any) -> tuple[Any, Any]:
            return photo_ops.centered(central(number), self.size), label

        auto = tf.data.AUTOTUNE
        chosen = slice(None) if numbers is None else numbers
        rows = tf.data.Dataset.from_tensor_slices((index[chosen], split.labels[chosen]))
        examples = rows.map(example, num_parallel_calls=auto, deterministic=True)
        return examples.batch(batch_size)

    def _kept(self, part: Part, size: int) -> Kept:
        assert self.cache is not None
        if (id(part), size) not in self._decoded:
            name = file_name(part, size, self.fingerprint)
            found = kept(part, _reader(part.photos), size, self.cache, name)
            self._decoded[id(part), size] = found
        return self._decoded[id(part), size]

    @cached_property
    def _decoded(self) -> dict[tuple[int, int], Kept]:
        """Photographs by the part that they are of, kept for the next stream."""
        return {}


def _reader(photos: Photos) -> Any:
    """A TensorFlow function from a photograph's number to its bytes, refusing broken ones."""
    from harness.data.images.photos import ops as photo_ops

    read = photos.reader()

    def inspect(content: bytes, number: Any) -> bytes:
        photo_file.require_whole(content, photos.place(int(number)))
        return content

    return lambda number: photo_ops.whole(read(number), number, inspect)
