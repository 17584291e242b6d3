"""What an optimizer decides by a whole gradient, where replicas hold shares of it.

Keras (3.15) adds the shares of a gradient up within the update, after it has clipped each share
by its own norm, and judges a scaled loss by the share of the first replica alone: a recipe would
mean another thing on each number of devices, and an overflow on the second device would reach the
weights.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


def by_whole_gradients(optimizer: Any) -> None:
    """Has replicas clip, and skip an update whose scaled loss overflowed, as one device would.

    Args:
        optimizer: a built Keras optimizer of a model over several replicas, in a loss-scaling
            shell or not.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        place(optimizer, "check_finite", _finite_in_all(optimizer.check_finite))
        optimizer = optimizer.inner_optimizer
    if optimizer.global_clipnorm:
        place(optimizer, "_clip_gradients", _clipped_when_whole(optimizer._clip_gradients))
        place(optimizer, "_all_reduce_sum_gradients", list)  # that has been done by then


def place(owner: Any, name: str, function: Any) -> None:
    """Puts a function in a method's place, past Keras, which would track it as a part."""
    object.__setattr__(owner, name, function)


def _summed(values: Any) -> Any:
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def _finite_in_all(original: Any) -> Any:
    def check_finite(gradients: Sequence[Any]) -> Any:
        return _summed(tf.cast(~original(gradients), tf.float32)) == 0.0

    return check_finite


def _clipped_when_whole(original: Any) -> Any:
    def clip(gradients: Sequence[Any]) -> list[Any]:
        places = [place for place, one in enumerate(gradients) if one is not None]
        whole = list(gradients)
        for place, total in zip(places, _summed([whole[p] for p in places]), strict=True):
            whole[place] = total
        return list(original(whole))

    return clip
