"""A set of photographs on disk, of any number: read, decoded and cropped batch by batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.config.schema import CropConfig, ImageFolderConfig, ImagenetConfig
from harness.data.base import batch_order, steps, whole_batches
from harness.data.images.photos import file as photo_file
from harness.data.images.photos.pipeline import Photos, fingerprint


@dataclass(frozen=True)
class Part:
    """Some of a set's photographs, by their numbers."""

    photos: Photos
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    @property
    def labels(self) -> np.ndarray:
        """Class of each."""
        return np.asarray(self.photos.labels, np.int64)[self.index]


@dataclass(frozen=True)
class PhotoData:
    """A `Data` of photographs on disk, given out as `size`×`size` pixels in [-1, 1].

    Attributes:
        name: Of the data set.
        fingerprint: Of its photographs.
        source: Where they came from, in words.
        classes: Name of each class.
        train_part: Photographs to train on.
        validation_part: Photographs to watch training by.
        test_part: Photographs that the result is measured on.
        size: Height and width of what the model sees.
        augmentation: How training photographs are cropped and varied.
    """

    name: str
    fingerprint: str
    source: str
    classes: tuple[str, ...]
    train_part: Part
    validation_part: Part
    test_part: Part
    size: int
    augmentation: CropConfig

    @classmethod
    def of(
        cls,
        config: ImageFolderConfig | ImagenetConfig,
        classes: Sequence[str],
        photos: Sequence[Photos],
        parts: tuple[Part, Part, Part],
        origin: str = "",
    ) -> "PhotoData":
        """A data set as it was found and split.

        Args:
            config: Of the data set.
            classes: Name of each class.
            photos: All that was found, whether in a split or not: the fingerprint is theirs.
            parts: Photographs for training, validation and test.
            origin: Where they came from, in words.
        """
        train, validation, test = parts
        sizes = f"{len(train)} + {len(validation)} + {len(test)}"
        source = f"{sizes} photographs for training, validation and test"
        return cls(
            name=config.name,
            fingerprint=fingerprint(*photos),
            source=f"{origin}: {source}" if origin else source,
            classes=tuple(classes),
            train_part=train,
            validation_part=validation,
            test_part=test,
            size=config.size,
            augmentation=config.augmentation,
        )

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return (self.size, self.size, 3)

    @property
    def num_train(self) -> int:
        """Number of training photographs."""
        return len(self.train_part)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Whole batches in an epoch; see `whole_batches`."""
        return whole_batches(self.name, self.num_train, batch_size)

    def train(self, batch_size: int, seed: int, start_step: int = 0) -> Any:
        """Infinite stream of batches; the one at step t depends on (seed, t) alone.

        A photograph that is not whole ends the stream with an error that names it.

        Args:
            batch_size: Examples in a batch (the global batch, under a strategy).
            seed: Decides order and variation; an integer in [0, 2**62).
            start_step: Global step of the first batch.

        Raises:
            ConfigError: If a batch does not fit in the training split.
        """
        import tensorflow as tf

        return self.batches(batch_size, seed, start_step).prefetch(tf.data.AUTOTUNE)

    def batches(self, batch_size: int, seed: int, start_step: int = 0) -> Any:
        """The stream of `train`, of which whole batches are not prepared ahead."""
        import tensorflow as tf

        from harness.data.images.photos import ops as photo_ops
        from harness.data.images.photos.color import drawer

        order = batch_order(self.name, self.num_train, batch_size, seed)
        numbers, labels = tf.constant(self.train_part.index), tf.constant(self.train_part.labels)
        draw, varied = drawer(seed, 5), self.augmentation
        read = _reader(self.train_part.photos)

        def plan(step: Any) -> tuple[Any, ...]:
            """What each example of a batch is, and all its random numbers."""
            index, drawn = order(step), draw(step, batch_size)
            crops = tf.cast(drawn[:, :2] * 2**24, tf.int32)
            blends = photo_ops.blends(varied, drawn[:, 2], drawn[:, 3])
            mirrored = (drawn[:, 4] < 0.5) & varied.flip
            return tf.gather(numbers, index), tf.gather(labels, index), crops, blends, mirrored

        def example(number: Any, label: Any, crop: Any, blend: Any, mirror: Any) -> Any:
            pixels = photo_ops.training_pixels(read(number), self.size, varied, crop)
            return pixels, blend, mirror, label

        def finish(pixels: Any, blend: Any, mirror: Any, label: Any) -> tuple[Any, Any]:
            return photo_ops.finished(pixels, blend, mirror), label

        planned = steps(start_step).map(plan).unbatch()
        examples = planned.map(example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return examples.batch(batch_size, drop_remainder=True).map(finish)

    def validation(self, batch_size: int) -> Any:
        """Every validation photograph in a fixed order, the last batch short."""
        return self._finite(self.validation_part, batch_size)

    def test(self, batch_size: int) -> Any:
        """Every test photograph in a fixed order, the last batch short."""
        return self._finite(self.test_part, batch_size)

    def _finite(self, part: Part, batch_size: int) -> Any:
        import tensorflow as tf

        from harness.data.images.photos import ops as photo_ops

        read = _reader(part.photos)

        def example(number: Any, label: Any) -> tuple[Any, Any]:
            return photo_ops.evaluation_pixels(read(number), self.size), label

        auto = tf.data.AUTOTUNE
        numbers = tf.data.Dataset.from_tensor_slices((part.index, part.labels))
        examples = numbers.map(example, num_parallel_calls=auto, deterministic=True)
        return examples.batch(batch_size).prefetch(auto)


def _reader(photos: Photos) -> Any:
    """A TensorFlow function from a photograph's number to its bytes, refusing broken ones."""
    from harness.data.images.photos import ops as photo_ops

    read = photos.reader()

    def inspect(content: bytes, number: Any) -> bytes:
        photo_file.require_whole(content, photos.place(int(number)))
        return content

    return lambda number: photo_ops.whole(read(number), number, inspect)
