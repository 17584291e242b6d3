"""The layers of Keras that training spends its time in, computed in fewer passes over memory.

Keras 3 computes the moments of a batch normalization and the normalization as separate
elementwise operations; TensorFlow's fused kernel does the same arithmetic at once
(`benchmarks/batch_norm.py`). What the convolutions gain is told in `harness.models.layers.fused`.

All have the arguments, weights, outputs and gradients of the Keras layers that they subclass,
to rounding, and leave to them what they cannot do faster. `harness.models.layers.plain` turns them
into those for saving, so that files load without this package.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from harness.models.layers import fused, replicas

# The least epsilon that cuDNN's kernel takes (CUDNN_BN_MIN_EPSILON, rounded up as floats).
_LEAST_EPSILON = 1.001e-5
# Patches are cut out where the outputs are so many times as large.
_PATCH_RATIO = 4


class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`: as matrix products where the kernel is 1×1, or has few inputs.

    The gradient of a bias in front of `BatchNorm` is exactly zero here, where the Keras
    layer has the rounding errors of that zero.
    """

    def call(self, inputs: Any) -> Any:
        """Convolves [batch, height, width, channels]."""
        if not _computable(self, inputs) or self.groups != 1:
            return super().call(inputs)
        kernel, bias = tf.convert_to_tensor(self.kernel), _bias(self)
        size = kernel.shape[:-1].num_elements()
        if math.prod((*self.kernel_size, *self.strides)) == 1:
            outputs = fused.products(inputs, kernel[0, 0], bias)
        elif size * _PATCH_RATIO <= self.filters and set(self.dilation_rate) == {1}:
            patches = self._patches(inputs, size)
            matrix = tf.reshape(kernel, [size, self.filters])
            outputs = fused.products(patches, matrix, bias, remember=True)
        else:
            outputs = self.convolution_op(inputs, kernel)
            if bias is not None:
                outputs = fused.add_bias(outputs, bias)
        return outputs if self.activation is None else self.activation(outputs)

    def _patches(self, inputs: Any, size: int) -> Any:
        """What each output sees of the inputs, in the order of the kernel."""
        # By a convolution, which is several times as fast as tf.image.extract_patches.
        one = tf.reshape(tf.eye(size, dtype=inputs.dtype), [*self.kernel.shape[:-1], size])
        return tf.nn.conv2d(inputs, one, self.strides, self.padding.upper())


class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """`keras.layers.DepthwiseConv2D`, whose bias costs nothing in front of `BatchNorm`."""

    def call(self, inputs: Any) -> Any:
        """Convolves each channel of [batch, height, width, channels]."""
        if not _computable(self, inputs) or not self.use_bias:
            return super().call(inputs)
        outputs = keras.ops.depthwise_conv(
            inputs, self.kernel, self.strides, self.padding, dilation_rate=self.dilation_rate
        )
        outputs = fused.add_bias(outputs, _bias(self))
        return outputs if self.activation is None else self.activation(outputs)


class BatchNorm(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, computed by one fused kernel for images.

    The moving averages are those of Keras 3, of the biased variance. Anything but
    channels-last rank-4 inputs in plain batch normalization is left to the Keras layer.
    With `synchronized`, several replicas normalize with the moments of the whole batch, which
    Keras would take from sums of squares; a single one does as without.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalizes `inputs`, [batch, height, width, channels], over all but channels."""
        if training and self.trainable and self._shared(inputs, mask):
            return self._synchronized(inputs)
        if not self._fusable(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        gamma = tf.convert_to_tensor(self.gamma) if self.scale else tf.ones(channels)
        beta = tf.convert_to_tensor(self.beta) if self.center else tf.zeros(channels)
        if training and self.trainable:
            output = self._normalized(inputs, gamma, beta)
        else:
            output, *_ = tf.raw_ops.FusedBatchNormV3(
                x=inputs,
                scale=gamma,
                offset=beta,
                mean=tf.convert_to_tensor(self.moving_mean),
                variance=tf.convert_to_tensor(self.moving_variance),
                epsilon=self.epsilon,
                is_training=False,
            )
        return tf.cast(output, self.compute_dtype)

    def _normalized(self, inputs: Any, gamma: Any, beta: Any) -> Any:
        source = fused.source_of(inputs)
        if source is not None and inputs.dtype == "float32":
            output, mean, variance = fused.normalize_products(source, gamma, beta, self.epsilon)
        else:
            output, mean, variance = fused.normalize(inputs, gamma, beta, self.epsilon)
            # The kernel returns the unbiased variance, for moving averages as legacy Keras
            # kept them; Keras 3 keeps the biased one.
            count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
            variance *= (count - 1.0) / count
        self._update(mean, variance)
        return output

    def _synchronized(self, inputs: Any) -> Any:
        like = tf.convert_to_tensor(self.moving_mean)
        gamma = tf.convert_to_tensor(self.gamma) if self.scale else tf.ones_like(like)
        beta = tf.convert_to_tensor(self.beta) if self.center else tf.zeros_like(like)
        output, mean, variance = replicas.normalize(inputs, gamma, beta, self.epsilon)
        self._update(mean, variance)
        return tf.cast(output, self.compute_dtype)

    def _update(self, mean: Any, variance: Any) -> None:
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))

    def _shared(self, inputs: Any, mask: Any) -> bool:
        last = self.axis in (-1, len(inputs.shape) - 1)
        plain = last and mask is None and not self.renorm
        return self.synchronized and plain and replicas.count() > 1

    def _fusable(self, inputs: Any, mask: Any) -> bool:
        return (
            len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and mask is None
            and not self.renorm
            and self.epsilon >= _LEAST_EPSILON
            and inputs.dtype in ("float32", "float16", "bfloat16")
            and self.variable_dtype == "float32"
        )


class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout`, which drops the same of a batch on one device and on several."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Zeroes elements of [batch, ...] while training."""
        alone = replicas.count() == 1 or self.noise_shape is not None
        if alone or not training or not self.rate:
            return super().call(inputs, training=training)
        return replicas.dropout(inputs, self.rate, self.seed_generator)


def _computable(layer: Any, inputs: Any) -> bool:
    return (
        layer.data_format == "channels_last"
        and layer.padding in ("same", "valid")
        and inputs.dtype == layer.compute_dtype
    )


def _bias(layer: Any) -> Any:
    return tf.convert_to_tensor(layer.bias) if layer.use_bias else None
