"""Convolution and batch normalization in fewer passes over memory, with their own gradients.

On a CPU the convolutions of a small net run at the speed of the cores, and what lies between
them at the speed of memory. What is saved here, with the arithmetic of the stock layers:

- A 1×1 convolution is one matrix product, and so are its two gradients, whose own kernels
  are slower.
- Normalization takes away the mean of its input: the gradient that it hands back sums to
  zero over every channel. That sum is the gradient of a bias before it, which need not be
  computed. The normalization marks its gradient; a bias that meets no mark computes the sum.
- A convolution of few inputs and many filters is a product of small patches. The mean and
  variance of such products follow from those of the patches, so normalizing them becomes a
  part of the product, and the large outputs are neither read again nor kept.

`benchmarks/ds_cnn_l.py` prints what this gains.
"""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

# Marks the gradient of a normalization: over all but channels, it sums to zero.
_CENTERED = "_harness_centered"
# Marks the output of `products` with what it was computed from.
_SOURCE = "_harness_source"


@dataclass(frozen=True)
class Source:
    """What a product was made of: patches [..., k], kernel [k, channels] and bias or None."""

    patches: Any
    kernel: Any
    bias: Any


def source_of(tensor: Any) -> Source | None:
    """What `products` computed this very tensor from; None for any other tensor."""
    return getattr(tensor, _SOURCE, None)


def centered(gradient: Any) -> Any:
    """Marks a gradient that sums to zero over all but channels, and over all replicas."""
    setattr(gradient, _CENTERED, True)
    return gradient


def add_bias(x: Any, bias: Any) -> Any:
    """Adds [channels] to [..., channels]."""

    @tf.custom_gradient
    def run(x: Any, bias: Any) -> Any:
        return tf.nn.bias_add(x, bias), lambda dy: (dy, _bias_gradient(dy))

    return run(x, bias)


def products(x: Any, kernel: Any, bias: Any = None, remember: bool = False) -> Any:
    """Multiplies the last axis of [..., k] by a kernel [k, channels], and adds a bias.

    Args:
        x: Rank 2 or more.
        kernel: The matrix.
        bias: [channels], or None.
        remember: Lets a normalization that takes the output start from the inputs instead.
    """

    @tf.custom_gradient
    def run(x: Any, kernel: Any, *bias: Any) -> Any:
        rows = _rows(x)
        y = tf.matmul(rows, kernel)
        if bias:
            y = tf.nn.bias_add(y, bias[0])

        def backward(dy: Any) -> tuple[Any, ...]:
            flat = _rows(dy)
            dx = _like(tf.matmul(flat, kernel, transpose_b=True), x)
            dkernel = tf.matmul(rows, flat, transpose_a=True)
            return (dx, dkernel, *(_bias_gradient(dy) for _ in bias))

        return _like(y, x), backward

    y = run(x, kernel) if bias is None else run(x, kernel, bias)
    if remember:
        setattr(y, _SOURCE, Source(x, kernel, bias))
    return y


def normalize(x: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """Normalizes [batch, height, width, channels] by its own moments.

    Returns:
        The output, the mean and the unbiased variance of each channel.
    """

    @tf.custom_gradient
    def run(x: Any, gamma: Any, beta: Any) -> Any:
        empty = tf.zeros(0)
        # Between reshapes, TensorFlow does not merge it with the ReLU that follows: where it
        # trains, oneDNN's kernel for both takes several times as long as the two alone.
        flat = tf.reshape(x, [-1, x.shape[1:3].num_elements() or 1, 1, x.shape[3]])
        y, mean, variance, *reserved = tf.raw_ops.FusedBatchNormV3(
            x=flat, scale=gamma, offset=beta, mean=empty, variance=empty, epsilon=epsilon
        )

        def backward(dy: Any, *_: Any) -> tuple[Any, Any, Any]:
            dx, dgamma, dbeta, *_ = tf.raw_ops.FusedBatchNormGradV3(
                y_backprop=tf.reshape(dy, tf.shape(flat)),
                x=flat,
                scale=gamma,
                reserve_space_1=reserved[0],
                reserve_space_2=reserved[1],
                reserve_space_3=reserved[2],
                epsilon=epsilon,
            )
            return centered(_like(dx, x)), dgamma, dbeta

        return (_like(y, x), mean, variance), backward

    return run(x, gamma, beta)


def normalize_products(
    source: Source, gamma: Any, beta: Any, epsilon: float
) -> tuple[Any, Any, Any]:
    """Normalizes products by their moments, without computing them first.

    For patches p of mean m and covariance C, a product p·k has the mean m·k and the variance
    kᵀCk; scaling the kernel then yields normalized products.

    Returns:
        The output, the mean and the biased variance of each channel.
    """

    @tf.custom_gradient
    def run(patches: Any, kernel: Any, gamma: Any, beta: Any, *bias: Any) -> Any:
        rows = _rows(patches)
        count = tf.cast(tf.shape(rows)[0], rows.dtype)
        center, covariance = _moments(rows)
        rows -= center
        exact = tf.cast(kernel, tf.float64)
        mixed = tf.matmul(covariance, exact)
        variance = tf.cast(tf.reduce_sum(exact * mixed, 0), rows.dtype)
        mixed = tf.cast(mixed, rows.dtype)
        inverse = tf.math.rsqrt(variance + epsilon)
        scaled = kernel * (gamma * inverse)
        y = tf.nn.bias_add(tf.matmul(rows, scaled), beta)
        mean = tf.linalg.matvec(kernel, center, transpose_a=True)

        def backward(dy: Any, *_: Any) -> tuple[Any, ...]:
            flat = _rows(dy)
            correlated = tf.matmul(rows, flat, transpose_a=True)
            dgamma = inverse * tf.reduce_sum(kernel * correlated, 0)
            dbeta = tf.matmul(tf.ones_like(rows[:, :1]), flat, transpose_a=True)[0]
            # The gradient of the products is (dy - dbeta/n - ŷ·dgamma/n)·gamma/σ, with
            # ŷ = rows·kernel/σ; here it is multiplied by rows, and by the kernel.
            drag = inverse * dgamma
            dkernel = (gamma * inverse) * (correlated - mixed * drag)
            back = tf.matmul(flat, scaled, transpose_b=True)
            back -= tf.matmul(rows, tf.matmul(kernel * (drag / count), scaled, transpose_b=True))
            back -= tf.linalg.matvec(scaled, dbeta / count)
            none = [tf.zeros_like(one) for one in bias]
            return (_like(back, patches), dkernel, dgamma, dbeta, *none)

        return (_like(y, patches), sum(bias, start=mean), variance), backward

    bias = () if source.bias is None else (source.bias,)
    return run(source.patches, source.kernel, gamma, beta, *bias)


def _moments(rows: Any) -> tuple[Any, Any]:
    """The mean of rows [n, k], and their covariance [k, k] in float64."""
    # In float64: the variance of a product is a small difference of large covariances, as
    # neighbouring inputs are alike; and a sum in float32 of inputs far from zero (digital
    # silence is at -247) misses their mean by more than some of them vary.
    exact = tf.cast(rows, tf.float64)
    count = tf.cast(tf.shape(rows)[0], tf.float64)
    mean = tf.matmul(tf.ones_like(exact[:, :1]), exact, transpose_a=True) / count
    square = tf.matmul(exact, exact, transpose_a=True) / count
    return tf.cast(mean[0], rows.dtype), square - tf.matmul(mean, mean, transpose_a=True)


def _bias_gradient(dy: Any) -> Any:
    if getattr(dy, _CENTERED, False):
        return tf.zeros(dy.shape[-1:], dy.dtype)
    return tf.raw_ops.BiasAddGrad(out_backprop=dy)


def _rows(x: Any) -> Any:
    return tf.reshape(x, [-1, x.shape[-1]])


def _like(rows: Any, x: Any) -> Any:
    """[n, channels] as [..., channels], where `...` is as in `x`."""
    channels = rows.shape[-1]
    outer = x.shape[1:-1]
    if outer.is_fully_defined():
        return tf.reshape(rows, [-1, *outer, channels])
    return tf.reshape(rows, tf.concat([tf.shape(x)[:-1], [channels]], 0))
