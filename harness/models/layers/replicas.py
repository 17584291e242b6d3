"""What a layer computes or draws over a whole batch, where replicas share that batch.

A replica (`tf.distribute`) holds an equal share of each batch. Moments of the share, and masks
drawn for the share, would make training depend on the number of devices; these are those of
the batch, so that several devices train what one does.
"""

from typing import Any

import keras
import tensorflow as tf

from harness.models.layers import fused


def count() -> int:
    """How many replicas share the batch of the call that is running; 1 outside of a strategy."""
    context = tf.distribute.get_replica_context()
    return context.num_replicas_in_sync if context is not None else 1


def normalize(x: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """Normalizes a share, [batch, ..., channels], by the moments of the whole batch.

    The gradients are those of the share's part in the loss: added up over the replicas, as
    optimizers do, they are the gradients of one device.

    Args:
        x: The share.
        gamma: Scale, [channels], of the type to compute in.
        beta: Offset, likewise.
        epsilon: Added to the variance.

    Returns:
        The output, and the mean and the biased variance of each channel over all replicas.
    """
    # In plain operations: TensorFlow's fused gradient of a normalization by given moments has
    # no deterministic kernel on a GPU, where harness.training.seeds asks for such.

    @tf.custom_gradient
    def run(x: Any, gamma: Any, beta: Any) -> Any:
        mean, variance = _moments(tf.cast(x, gamma.dtype))
        inverse = tf.math.rsqrt(variance + epsilon)
        y = (tf.cast(x, gamma.dtype) - mean) * (gamma * inverse) + beta

        def backward(dy: Any, *_: Any) -> tuple[Any, Any, Any]:
            dy = tf.cast(dy, gamma.dtype)
            centered = tf.cast(x, gamma.dtype) - mean
            axes = list(range(len(x.shape) - 1))
            dgamma, dbeta = tf.reduce_sum(dy * centered, axes) * inverse, tf.reduce_sum(dy, axes)
            # dx = (dy - mean(dy) - ŷ·mean(dy·ŷ))·gamma/σ, with means over all replicas.
            size = tf.cast(tf.size(x) // x.shape[-1], gamma.dtype)
            slope, level = tf.unstack(tf.reduce_mean(_gather(tf.stack([dgamma, dbeta])), 0) / size)
            dx = (dy - level - centered * (slope * inverse)) * (gamma * inverse)
            return fused.centered(tf.cast(dx, x.dtype)), dgamma, dbeta

        return (tf.cast(y, x.dtype), mean, variance), backward

    return run(x, gamma, beta)


def dropout(x: Any, rate: float, seed: Any) -> Any:
    """Drops out of a share, [batch, ...], what one device would drop out of the whole batch.

    Args:
        x: The share.
        rate: The share of elements that become zero.
        seed: A Keras seed generator, in the same state in every replica.
    """
    batch = tf.shape(x)[:1]
    whole = tf.concat([batch * count(), tf.shape(x)[1:]], 0)
    kept = keras.random.dropout(tf.ones(whole, x.dtype), rate, seed=seed)
    return x * tf.reshape(_own(kept, batch[0]), tf.shape(x))


def _moments(x: Any) -> tuple[Any, Any]:
    """Mean and biased variance of each channel over all replicas, the same bits in each."""
    moments = tf.nn.moments(x, list(range(len(x.shape) - 1)))
    # Each share's own moments are exchanged, not sums of squares: their small difference
    # would lose the variance of a channel far from zero.
    means, variances = tf.unstack(_gather(tf.stack(moments)), axis=1)
    mean = tf.reduce_mean(means, 0)
    return mean, tf.reduce_mean(variances + tf.math.squared_difference(means, mean), 0)


def _gather(x: Any) -> Any:
    """[replicas, ...]: a small tensor of each replica, in one collective operation."""
    place = tf.one_hot(_number(), count(), dtype=x.dtype)
    placed = tf.reshape(place, [-1, *[1] * len(x.shape)]) * x
    return tf.distribute.get_replica_context().all_reduce("SUM", placed)


def _own(x: Any, batch: Any) -> Any:
    """This replica's examples of a whole batch: shares follow each other."""
    begin = _number() * batch
    return x[begin : begin + batch]


def _number() -> Any:
    return tf.distribute.get_replica_context().replica_id_in_sync_group
