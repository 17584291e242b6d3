"""Batch normalization through TensorFlow's fused kernel.

Keras 3 computes its moments and the normalization as separate elementwise operations; one
fused kernel does the same arithmetic in fewer passes over memory
(`benchmarks/batch_norm.py` prints what that gains on this machine).
"""

from typing import Any

import keras
import tensorflow as tf

# The least epsilon that cuDNN's kernel takes (CUDNN_BN_MIN_EPSILON, rounded up as floats).
_LEAST_EPSILON = 1.001e-5


class BatchNorm(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, computed by one fused kernel for images.

    Arguments, weights, moving averages (of the biased variance, as Keras 3 has it) and
    gradients are those of the Keras layer, to rounding. Anything but channels-last rank-4
    inputs in plain batch normalization is left to the Keras layer itself.

    `harness.models.plain` turns it into the Keras layer for saving, so that files load
    without this package.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalizes `inputs`, [batch, height, width, channels], over all but channels."""
        if not self._fusable(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        fresh = bool(training and self.trainable)
        channels = inputs.shape[-1]
        output, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma) if self.scale else tf.ones(channels),
            offset=tf.convert_to_tensor(self.beta) if self.center else tf.zeros(channels),
            mean=tf.zeros(0) if fresh else tf.convert_to_tensor(self.moving_mean),
            variance=tf.zeros(0) if fresh else tf.convert_to_tensor(self.moving_variance),
            epsilon=self.epsilon,
            is_training=fresh,
        )
        if fresh:
            self._update(mean, variance, tf.size(inputs) // channels)
        return tf.cast(output, self.compute_dtype)

    def _update(self, mean: Any, variance: Any, count: Any) -> None:
        # The kernel returns the unbiased variance, for moving averages as legacy Keras
        # kept them; Keras 3 keeps the biased one.
        count = tf.cast(count, tf.float32)
        biased = variance * ((count - 1.0) / count)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, biased)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))

    def _fusable(self, inputs: Any, mask: Any) -> bool:
        return (
            len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and mask is None
            and not self.renorm
            and not self.synchronized
            and self.epsilon >= _LEAST_EPSILON
            and inputs.dtype in ("float32", "float16", "bfloat16")
            and self.variable_dtype == "float32"
        )
