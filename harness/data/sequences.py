"""Labelled sequences of word numbers, all of one length, that fit in memory."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.data.base import batch_order, steps_from


@dataclass(frozen=True)
class Sequences:
    """Examples in memory: int32 numbers [n, length], 0 for padding, and int64 labels [n]."""

    numbers: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class SequenceData:
    """A `Data` of sequences: its batches are int32 [batch, length] and int64 [batch]."""

    name: str
    fingerprint: str
    source: str
    num_classes: int
    train_split: Sequences
    validation_split: Sequences
    test_split: Sequences

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example: its length."""
        return self.train_split.numbers.shape[1:]

    @property
    def num_train(self) -> int:
        """Number of training examples."""
        return len(self.train_split)

    def train(self, batch_size: int, seed: int, start_step: int = 0) -> Any:
        """Infinite stream of batches; the one at step t depends on (seed, t) alone.

        Args:
            batch_size: examples in a batch.
            seed: decides the order; an integer in [0, 2**62).
            start_step: global step of the first batch.

        Raises:
            ConfigError: a batch does not fit in the training split.
        """
        import tensorflow as tf

        order = batch_order(self.name, self.num_train, batch_size, seed)
        numbers = tf.constant(self.train_split.numbers)
        labels = tf.constant(self.train_split.labels)

        def batch(step: Any) -> tuple[Any, Any]:
            index = order(step)
            return tf.gather(numbers, index), tf.gather(labels, index)

        return steps_from(start_step, batch)

    def validation(self, batch_size: int) -> Any:
        """Every validation example in a fixed order, the last batch short."""
        return _finite(self.validation_split, batch_size)

    def test(self, batch_size: int) -> Any:
        """Every test example in a fixed order, the last batch short."""
        return _finite(self.test_split, batch_size)


def _finite(split: Sequences, batch_size: int) -> Any:
    import tensorflow as tf

    examples = tf.data.Dataset.from_tensor_slices((split.numbers, split.labels))
    return examples.batch(batch_size).prefetch(tf.data.AUTOTUNE)
