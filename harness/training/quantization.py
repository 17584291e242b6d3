"""Fine-tuning with the rounding of an 8-bit file in it, so that the file loses less.

After Jacob et al., https://arxiv.org/abs/1712.05877, section 3: the forward pass computes with
rounded numbers, the gradient goes straight through the rounding (`keras.quantizers`). Kernels have
255 values symmetric to zero, a scale an output channel, as `tflite_int8` gives them: a zero stays
a zero. Batch normalization needs no folding for it: folding multiplies a channel by one number and
its scale with it, so that rounding before gives the same integers as rounding after. Activations
are rounded where the file rounds them, to 256 values over their batch's range, which contains 0.

Not simulated: inputs, whose range the exporter chooses, biases, which have 32 bits, and a batch
normalization's own factors where it follows an activation.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from harness.errors import ConfigError

_KEY = "training.finetune.quantize"
#: A layer's kernels by the names that it has them under.
_KERNELS: dict[type[keras.Layer], tuple[str, ...]] = {
    keras.layers.Conv2D: ("kernel",),
    keras.layers.Dense: ("kernel",),
    keras.layers.DepthwiseConv2D: ("kernel",),
    keras.layers.SeparableConv2D: ("depthwise_kernel", "pointwise_kernel"),
}
#: Layers without kernels whose outputs have a range of their own; those of all others have that of
#: their inputs.
_COMPUTING = (
    keras.layers.BatchNormalization,
    keras.layers.ReLU,
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.GlobalAveragePooling2D,
)
#: Ranges are at least so wide: a channel of nothing but zeros has none.
_LEAST = 1e-30


@contextmanager
def simulated(model: keras.Model, kind: str | None) -> Iterator[None]:
    """Rounds within the block; at its end the kernels are what the last step computed with.

    Args:
        model: built; with a pruner, attached already. Its configs are not changed.
        kind: `training.finetune.quantize`; None rounds nothing.

    Raises:
        ConfigError: a layer with weights is of a kind that cannot be simulated.
    """
    if kind is None:
        yield
        return
    layers = [layer for layer in model._flatten_layers() if not isinstance(layer, keras.Model)]
    _check(model, layers)
    for layer in layers:
        if _kernels(layer) or _is_rounded(layer):
            # Not through Keras' __setattr__, which would track it.
            object.__setattr__(layer, "call", _rounding(layer, layer.call))
    try:
        yield
    finally:
        for layer in layers:
            vars(layer).pop("call", None)
        # What was traced within the block rounds.
        model.train_function = model.test_function = model.predict_function = None
    for layer in layers:
        for kernel, by_channel in _kernels(layer):
            kernel.assign(rounded(kernel.value, by_channel))


def rounded(kernel: Any, by_channel: int) -> Any:
    """A kernel on the grid of 8-bit integers; zeros stay zeros, gradients are those of the result.

    Args:
        kernel: float32, its last `by_channel` axes being the output channels.
        by_channel: 1, or 2 for depthwise ones: [height, width, channels, multiplier].
    """
    matrix = tf.reshape(kernel, [-1, kernel.shape[-by_channel:].num_elements()])
    largest = tf.stop_gradient(tf.maximum(tf.reduce_max(tf.abs(matrix), axis=0), _LEAST))
    on_grid = keras.quantizers.fake_quant_with_min_max_vars(
        matrix, -largest, largest, num_bits=8, narrow_range=True, axis=-1
    )
    # XLA multiplies and adds at once, and leaves 1e-6 of a zero.
    left = tf.where(matrix == 0, on_grid, tf.zeros_like(on_grid))
    return tf.reshape(on_grid - tf.stop_gradient(left), kernel.shape)


def _rounding(layer: keras.Layer, call: Callable[..., Any]) -> Any:
    """A layer's `call` with its kernels rounded, and its outputs where the file rounds them."""
    outputs_too = _is_rounded(layer)

    def rounding(*args: Any, **kwargs: Any) -> Any:
        kernels = [(kernel, rounded(kernel.value, axes)) for kernel, axes in _kernels(layer)]
        if kernels:  # without any: a batch normalization, which updates its averages
            with keras.StatelessScope(kernels):
                outputs = call(*args, **kwargs)
        else:
            outputs = call(*args, **kwargs)
        return _activation(outputs) if outputs_too else outputs

    return tf.autograph.experimental.do_not_convert(rounding)


def _activation(outputs: Any) -> Any:
    low = tf.stop_gradient(tf.minimum(tf.reduce_min(outputs), 0.0))
    high = tf.stop_gradient(tf.maximum(tf.reduce_max(outputs), low + _LEAST))
    return keras.quantizers.fake_quant_with_min_max_vars(outputs, low, tf.maximum(high, 0.0))


def _kernels(layer: keras.Layer) -> list[tuple[Any, int]]:
    """A layer's kernels, and how many of their last axes are the output channels."""
    for kind, names in _KERNELS.items():
        if isinstance(layer, kind):
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            return [
                (getattr(layer, name), 2 if depthwise or name.startswith("depthwise") else 1)
                for name in names
            ]
    return []


def _is_rounded(layer: keras.Layer) -> bool:
    """Whether the file rounds a layer's outputs: not what it computes at one with the next ones."""
    if not (_kernels(layer) or isinstance(layer, _COMPUTING)):
        return False
    activation = getattr(layer, "activation", None)
    straight = activation in (None, keras.activations.linear)
    if isinstance(layer, keras.layers.ReLU) or not straight:
        return True
    takers = [node.operation for node in layer._outbound_nodes]
    return not takers or not all(map(_joins, takers))


def _joins(layer: Any) -> bool:
    relus = (keras.activations.relu, keras.activations.relu6)
    return isinstance(layer, keras.layers.BatchNormalization | keras.layers.ReLU) or (
        isinstance(layer, keras.layers.Activation) and layer.activation in relus
    )


def _check(model: keras.Model, layers: list[keras.Layer]) -> None:
    normal = keras.layers.BatchNormalization
    for layer in layers:
        if layer.trainable_weights and not (_kernels(layer) or isinstance(layer, normal)):
            known = ", ".join(kind.__name__ for kind in _KERNELS)
            raise ConfigError(
                f"{_KEY}: received int8 with {model.name}, whose layer {layer.name} is a"
                f" {type(layer).__name__}; accepted: models of {known} and batch normalization"
                " (else null)"
            )
