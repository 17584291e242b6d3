"""The order of training batches, and streams that begin at any step.

A training stream is infinite and its batch at global step t is a pure function of (seed, t): a
run that resumes at any step sees exactly the batches it would have seen, at once, without
replaying or storing an iterator.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.errors import ConfigError
from harness.system import cores

_READY = 4  # batches: of ImageNet's 128 photographs, 300 MB
_LAST_STEP = np.iinfo(np.int64).max


def whole_batches(name: str, count: int, batch_size: int) -> int:
    """Batches of an epoch; what fills none is left over.

    Args:
        name: Of the data set, for a refusal.
        count: Number of training examples.
        batch_size: Examples in a batch.

    Raises:
        ConfigError: If there is none.
    """
    if count < batch_size:
        raise ConfigError(
            f"training.batch_size={batch_size}: {name} has {count} training"
            " examples; choose a batch size up to that"
        )
    return count // batch_size


def batch_order(name: str, count: int, batch_size: int, seed: int) -> Callable[[Any], Any]:
    """Which examples are in the batch of a step: a function of (seed, step) alone.

    Every epoch visits the examples once in an order of its own, without storing one.

    Args:
        name: Of the data set, for a refusal.
        count: Number of training examples.
        batch_size: Examples in a batch.
        seed: An integer in [0, 2**62).

    Returns:
        A function for `steps_from`: int64 step -> int64 [batch_size] example numbers.

    Raises:
        ConfigError: If a batch does not fit in the training split.
    """
    import tensorflow as tf

    steps_per_epoch = whole_batches(name, count, batch_size)
    last = tf.constant(count - 1, tf.int64)
    key = [seed & 0x7FFFFFFF, seed >> 31 & 0x7FFFFFFF]  # the kernel keeps 32 bits of each

    def order(step: Any) -> Any:
        epoch = step // steps_per_epoch
        first = (step % steps_per_epoch) * batch_size
        return tf.raw_ops.RandomIndexShuffle(
            index=first + tf.range(batch_size, dtype=tf.int64),
            seed=tf.stack([key[0], key[1], epoch]),
            max_index=last,
        )

    return order


def steps(start_step: int) -> Any:
    """The infinite `tf.data.Dataset` of the global steps from `start_step` on, int64."""
    import tensorflow as tf

    return tf.data.Dataset.range(start_step, _LAST_STEP)


def steps_from(start_step: int, batch: Callable[[Any], tuple[Any, Any]]) -> Any:
    """The infinite `tf.data.Dataset` of `batch(step)`, in order."""
    import tensorflow as tf

    return steps(start_step).map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def ahead(batches: Any) -> Any:
    """A `tf.data.Dataset`'s elements, prepared while others are used, on all cores.

    Without tf.data's tuning: its thread, which sleeps for up to a minute, is woken before it can
    see that its iterator ends (TensorFlow 2.21, `Model::OptimizeLoop`). Where that thread is the
    next to have the core, it sleeps on, and each segment of training and each validation would
    wait for it, about as long again as they took. Untuned maps use as many threads as there are
    cores, but 16 at most where nothing is said; and a tuned number of batches that are ready would
    know no bound in memory, so it is `_READY`.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    options.autotune.initial_parallelism = len(cores.usable())
    return batches.prefetch(_READY).with_options(options)
