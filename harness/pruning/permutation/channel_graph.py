"""Which axes of which weights of a model carry the same channels.

The last axis of every tensor in a Functional or Sequential graph has a layout: the channel
spaces it is made of, in order (several after a concatenation, one space repeated after
`Flatten`). Layers that keep channels apart hand the layout on, additions make spaces one,
and a layer that mixes channels in a way not known here fixes the order of what it touches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras

L = keras.layers


class Space:
    """A set of channels that can be reordered together, or the reason why not."""

    def __init__(self, size: int, fixed: str = "") -> None:
        self.size, self.fixed = size, fixed
        self._same_as: Space | None = None

    def root(self) -> Space:
        """The space that this one has become part of."""
        space = self
        while space._same_as is not None:
            space = space._same_as
        return space

    def unite(self, other: Space) -> None:
        """Makes two spaces one: what orders one orders the other."""
        mine, its = self.root(), other.root()
        if mine is not its:
            its._same_as = mine
            mine.fixed = mine.fixed or its.fixed


Layout = tuple[Space, ...]


@dataclass(frozen=True, eq=False)
class Binding:
    """One axis of one variable, and the layout of the channels along it."""

    layer: Any
    variable: Any
    axis: int
    layout: Layout

    def starts(self, space: Space) -> list[int]:
        """Where along the axis a space begins, which may be several times."""
        found, offset = [], 0
        for one in self.layout:
            if one.root() is space:
                found.append(offset)
            offset += one.size
        return found


def width(layout: Layout) -> int:
    """Channels of a layout."""
    return sum(space.size for space in layout)


def fix(layout: Layout, reason: str) -> None:
    """Says why channels have to stay what they are; the first reason stands."""
    for space in layout:
        space.root().fixed = space.root().fixed or reason


def variable_of(layer: Any, name: str) -> Any:
    """A layer's weight itself."""
    private = getattr(layer, f"_{name}", None)  # `layer.kernel` may be computed from it
    return getattr(layer, name) if private is None else private


# Weights of normalization layers with one element a channel.
_NORMALIZATION = ("gamma", "beta", "moving_mean", "moving_variance")
# Layers whose output channel c depends on input channel c alone, the same way for every c.
_CHANNELWISE = (
    *(L.Activation, L.ReLU, L.LeakyReLU, L.ELU, L.Softmax, L.Dropout, L.GaussianNoise),
    *(L.GaussianDropout, L.AlphaDropout, L.SpatialDropout1D, L.SpatialDropout2D),
    *(L.SpatialDropout3D, L.MaxPooling1D, L.MaxPooling2D, L.MaxPooling3D, L.AveragePooling1D),
    *(L.AveragePooling2D, L.AveragePooling3D, L.GlobalAveragePooling1D),
    *(L.GlobalAveragePooling2D, L.GlobalAveragePooling3D, L.GlobalMaxPooling1D),
    *(L.GlobalMaxPooling2D, L.GlobalMaxPooling3D, L.ZeroPadding1D, L.ZeroPadding2D),
    *(L.ZeroPadding3D, L.Cropping1D, L.Cropping2D, L.Cropping3D, L.UpSampling1D),
    *(L.UpSampling2D, L.UpSampling3D, L.Identity, L.ActivityRegularization),
)
MERGES = (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum)
_MERGING_OPS = {"Add", "Subtract", "Multiply", "Divide", "Maximum", "Minimum"}
CHANNELWISE_OPS = {"Relu", "Relu6", "Sigmoid", "Silu", "Gelu", "Tanh", "HardSigmoid", "HardSilu"}


class ChannelGraph:
    """The channel spaces of a Functional or Sequential model.

    Attributes:
        bindings: every (variable, axis) that carries known channels.
    """

    def __init__(self, model: Any) -> None:
        self._bound: dict[tuple[int, int], Binding] = {}
        inputs = [self._fixed(t, "model input") for t in model.inputs]
        for layout in self._trace(model, inputs):
            fix(layout, "model output")

    @property
    def bindings(self) -> list[Binding]:
        """All (variable, axis) pairs, in the order of the graph."""
        return list(self._bound.values())

    @property
    def spaces(self) -> list[Space]:
        """The sets of channels that they are of, in the order of the graph."""
        roots = {id(s.root()): s.root() for binding in self.bindings for s in binding.layout}
        return list(roots.values())

    def _fixed(self, tensor: Any, reason: str) -> Layout:
        last = tensor.shape[-1] if len(tensor.shape) else None
        return (Space(last or 1, fixed=reason),)

    def _trace(self, model: Any, inputs: Sequence[Layout]) -> list[Layout]:
        """Layouts of a graph's outputs, given those of its inputs."""
        model = getattr(model, "_functional", None) or model
        layouts = {id(t): layout for t, layout in zip(model.inputs, inputs, strict=True)}
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if node.is_input or all(id(t) in layouts for t in node.outputs):
                    continue
                found = self._call(node, [layouts[id(t)] for t in node.input_tensors])
                layouts.update({id(t): one for t, one in zip(node.outputs, found, strict=True)})
        return [layouts[id(t)] for t in model.outputs]

    def _call(self, node: Any, inputs: list[Layout]) -> list[Layout]:
        layer = node.operation
        if isinstance(layer, keras.Model) and hasattr(layer, "inputs"):
            return self._trace(layer, inputs)
        rule = self._rule(layer)
        output = rule(layer, node, inputs) if rule is not None else None
        if output is not None and width(output) == node.outputs[0].shape[-1]:
            return [output]
        reason = f"{layer.name} ({type(layer).__name__}) fixes the order of channels"
        for layout in inputs:
            fix(layout, reason)
        return [self._fixed(t, reason) for t in node.outputs]

    def _bind(self, layer: Any, variable: Any, axis: int, layout: Layout) -> None:
        if variable is None:
            return
        axis %= len(variable.shape)
        binding = self._bound.setdefault(
            (id(variable), axis), Binding(layer, variable, axis, layout)
        )
        self._unite(binding.layout, layout)  # a shared layer: one order for all its calls

    @staticmethod
    def _unite(first: Layout, second: Layout) -> None:
        if [s.size for s in first] == [s.size for s in second]:
            for one, other in zip(first, second, strict=True):
                one.unite(other)
        else:
            for layout in (first, second):
                fix(layout, "meets channels that are put together otherwise")

    # --- what each kind of layer does -------------------------------------------------------

    def _rule(self, layer: Any) -> Callable[[Any, Any, list[Layout]], Layout | None] | None:
        if getattr(layer, "data_format", None) == "channels_first":
            return None
        if not isinstance(layer, keras.Layer):
            name = type(layer).__name__
            if name in _MERGING_OPS:
                return self._merge
            return self._same if name in CHANNELWISE_OPS else None
        rules: list[tuple[Any, Any]] = [
            ((L.DepthwiseConv1D, L.DepthwiseConv2D), self._depthwise),
            ((L.SeparableConv1D, L.SeparableConv2D), self._separable),
            ((L.Conv1DTranspose, L.Conv2DTranspose, L.Conv3DTranspose), self._transposed),
            ((L.Conv1D, L.Conv2D, L.Conv3D, L.Dense), self._dense),
            (L.Embedding, self._embedding),
            ((L.BatchNormalization, L.LayerNormalization), self._normalization),
            (L.PReLU, self._prelu),
            (_CHANNELWISE, self._same),
            (MERGES, self._merge),
            (L.Concatenate, self._concatenate),
            ((L.Flatten, L.Reshape), self._reshape),
        ]
        return next((rule for kinds, rule in rules if isinstance(layer, kinds)), None)

    def _produce(self, layer: Any, kernel: Any, axis: int) -> Layout:
        output = (Space(int(kernel.shape[axis])),)
        self._bind(layer, kernel, axis, output)
        self._bind(layer, getattr(layer, "bias", None), -1, output)
        return self._bound[id(kernel), axis % len(kernel.shape)].layout

    def _dense(self, layer: Any, node: Any, inputs: list[Layout]) -> Layout | None:
        if getattr(layer, "groups", 1) != 1 or getattr(layer, "lora_enabled", False):
            return None
        self._bind(layer, variable_of(layer, "kernel"), -2, inputs[0])
        return self._produce(layer, variable_of(layer, "kernel"), -1)

    def _transposed(self, layer: Any, node: Any, inputs: list[Layout]) -> Layout:
        self._bind(layer, variable_of(layer, "kernel"), -1, inputs[0])
        return self._produce(layer, variable_of(layer, "kernel"), -2)

    def _separable(self, layer: Any, node: Any, inputs: list[Layout]) -> Layout | None:
        if layer.depth_multiplier != 1:
            return None
        self._bind(layer, layer.depthwise_kernel, -2, inputs[0])
        self._bind(layer, layer.pointwise_kernel, -2, inputs[0])
        return self._produce(layer, layer.pointwise_kernel, -1)

    def _depthwise(self, layer: Any, node: Any, inputs: list[Layout]) -> Layout | None:
        if layer.depth_multiplier != 1:
            return None
        self._bind(layer, variable_of(layer, "kernel"), -2, inputs[0])
        self._bind(layer, layer.bias, -1, inputs[0])
        return inputs[0]

    def _embedding(self, layer: Any, node: Any, inputs: list[Layout]) -> Layout | None:
        if getattr(layer, "lora_enabled", False):
            return None
        return self._produce(layer, variable_of(layer, "embeddings"), -1)

    def _normalization(self, layer: Any, node: Any, inputs: list[Layout]) -> Layout | None:
        axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
        if [axis % len(node.outputs[0].shape) for axis in axes] != [len(node.outputs[0].shape) - 1]:
            return None
        for name in _NORMALIZATION:
            self._bind(layer, getattr(layer, name, None), -1, inputs[0])
        return inputs[0]

    def _prelu(self, layer: Any, node: Any, inputs: list[Layout]) -> Layout:
        if layer.alpha.shape[-1] != 1:
            self._bind(layer, layer.alpha, -1, inputs[0])
        return inputs[0]

    def _same(self, layer: Any, node: Any, inputs: list[Layout]) -> Layout:
        return inputs[0]

    def _merge(self, layer: Any, node: Any, inputs: list[Layout]) -> Layout | None:
        arguments = keras.tree.flatten([node.arguments.args, node.arguments.kwargs])
        constants = [a for a in arguments if not keras.backend.is_keras_tensor(a)]
        if any(getattr(a, "shape", ()) for a in constants):
            return None  # a constant for each channel
        # A single channel is broadcast to all, whatever their order.
        full = [layout for layout in inputs if width(layout) > 1] or inputs
        for other in full[1:]:
            self._unite(full[0], other)
        return full[0]

    def _concatenate(self, layer: Any, node: Any, inputs: list[Layout]) -> Layout:
        if layer.axis % len(node.outputs[0].shape) == len(node.outputs[0].shape) - 1:
            return tuple(space for layout in inputs for space in layout)
        for other in inputs[1:]:
            self._unite(inputs[0], other)
        return inputs[0]

    def _reshape(self, layer: Any, node: Any, inputs: list[Layout]) -> Layout | None:
        # Channels run fastest, so any reshape to a multiple of them repeats their order.
        last, channels = node.outputs[0].shape[-1], width(inputs[0])
        return None if last is None or last % channels else inputs[0] * (last // channels)
