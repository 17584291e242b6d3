"""Multiply-adds of a model, weight by weight: what one example costs, and what zeros would save.

A weight of a kernel is multiplied once at every position that the kernel is applied to: at each
output pixel of a convolution ("same" padding included, as published totals have it), at each
step of a recurrent layer. The effective count is that of the weights that are not zero: what is
left to do for a kernel that skips zeros, not what one that does not takes. A weight is counted
even where its input always is zero, or where nothing reads what it gives: what is left without dead
channels is the count of the network that `harness.pruning.shrink` makes. Biases,
normalization, activations and pooling are not counted; an embedding looks its row up and
multiplies nothing; the products of attention that hold no weight are counted and never skipped.

Totals agree with those published as "Mult-Adds" (https://arxiv.org/abs/1704.04861, table 4, and
https://arxiv.org/abs/1801.04381, table 4: 569 and 300 millions).
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from harness.models.gnmt import WORDS
from harness.models.layers.gnmt_layers import AtTokens, Decoder, Encoder, Lstm

L = keras.layers


@dataclass(frozen=True)
class Use:
    """One weight of a layer at work, or a product of activations alone.

    Attributes:
        layer: name of the layer.
        kind: class name of the layer.
        weight: unique path of the weight, as in `harness.pruning.LayerSummary`; for a product
            of activations its name.
        size: weights, of which each is multiplied `times` times; 1 for activations.
        nonzero: those that are not zero; `size` for activations.
        times: how often each is multiplied for one example.
    """

    layer: str
    kind: str
    weight: str
    size: int
    nonzero: int
    times: int

    @property
    def dense(self) -> int:
        """Multiply-adds of one example."""
        return self.size * self.times

    @property
    def effective(self) -> int:
        """Those of weights that are not zero."""
        return self.nonzero * self.times


@dataclass(frozen=True)
class MultiplyAdds:
    """All of a model, for one example.

    Attributes:
        uses: weight by weight, in the order of the graph; a layer that is called twice, twice.
        uncounted: names of layers with matrices of weights that no rule is known for.
    """

    uses: list[Use]
    uncounted: list[str]

    @property
    def dense(self) -> int:
        """Multiply-adds of one example, zeros multiplied like all others."""
        return sum(use.dense for use in self.uses)

    @property
    def effective(self) -> int:
        """Multiply-adds of one example without those of zero weights."""
        return sum(use.effective for use in self.uses)

    def rows(self) -> list[list[Any]]:
        """A header, a row a use."""
        header = [field.name for field in dataclasses.fields(Use)]
        return [
            [*header, "multiply_adds", "effective"],
            *[[*dataclasses.astuple(use), use.dense, use.effective] for use in self.uses],
        ]

    def __str__(self) -> str:
        left = self.effective / self.dense if self.dense else 0.0
        table = [("weight", "multiplied", "multiply-adds", "of non-zeros")]
        for use in self.uses:
            numbers = f"{use.times:,} times", f"{use.dense:,}", f"{use.effective:,}"
            table.append((use.weight, *numbers))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        drawn = [
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
            for line in table
        ]
        lines = [
            drawn[0],
            "-" * len(drawn[0]),
            *drawn[1:],
            "",
            f"multiply-adds of one example {self.dense:,}; of weights that are not zero "
            f"{self.effective:,} = {left:.4f} of them",
        ]
        if self.uncounted:
            lines.append(f"not counted: {', '.join(self.uncounted)}, of a kind without a rule")
        return "\n".join(lines)


def count(
    model: keras.Model, kept: Mapping[str, int] | None = None, words: int = WORDS
) -> MultiplyAdds:
    """Counts a Functional or Sequential model, models nested in it included.

    Args:
        model: built; the pruner may be attached.
        kept: weights that are not zero, by path, where they are not to be read off the model:
            those that a pruner would leave (`LayerSummary.kept`).
        words: length of inputs that may have any.

    Example:
        >>> count(keras.applications.MobileNet(weights=None)).dense
        568740352
    """
    kept = kept or {}
    uses: list[Use] = []
    uncounted: list[str] = []
    for layer, node in _calls(model):
        rule = next((rule for kinds, rule in _RULES if isinstance(layer, kinds)), None)
        if rule is None:
            if any(len(weight.shape) > 1 for weight in layer.weights):
                uncounted.append(layer.name)
            continue
        for weight, times in rule(layer, node, words):
            if isinstance(weight, str):
                uses.append(Use(layer.name, type(layer).__name__, weight, 1, 1, times))
                continue
            left = kept.get(weight.path)
            left = int(np.count_nonzero(weight.numpy())) if left is None else left
            size = math.prod(weight.shape)
            uses.append(Use(layer.name, type(layer).__name__, weight.path, size, left, times))
    return MultiplyAdds(uses, uncounted)


def _calls(model: Any) -> Iterator[tuple[Any, Any]]:
    """Each call of a layer in a graph, with its node, graphs within it included."""
    graph = getattr(model, "_functional", None) or model
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            layer = node.operation
            if node.is_input or not isinstance(layer, keras.Layer):
                continue
            if isinstance(layer, keras.Model) and hasattr(layer, "inputs"):
                yield from _calls(layer)
            else:
                yield layer, node


# --- how often each weight is multiplied, by kind of layer ------------------------------------

_Counted = Iterable[tuple[Any, int]]
_Rule = Callable[[Any, Any, int], _Counted]


def _positions(shape: Iterable[int | None], words: int) -> int:
    return math.prod(words if side is None else side for side in shape)


def _variable(layer: Any, name: str) -> Any:
    private = getattr(layer, f"_{name}", None)  # `layer.kernel` may be computed from it
    return getattr(layer, name) if private is None else private


def _channels_last(layer: Any, shape: Any) -> Any:
    """A batch's positions: its shape without the examples and the channels."""
    first = getattr(layer, "data_format", None) == "channels_first"
    return shape[2:] if first else shape[1:-1]


def _applied(layer: Any, node: Any, words: int) -> _Counted:
    """A kernel that is applied at every position of the outputs."""
    positions = _channels_last(layer, node.outputs[0].shape)
    yield _variable(layer, "kernel"), _positions(positions, words)


def _transposed(layer: Any, node: Any, words: int) -> _Counted:
    positions = _channels_last(layer, node.input_tensors[0].shape)
    yield _variable(layer, "kernel"), _positions(positions, words)


def _separable(layer: Any, node: Any, words: int) -> _Counted:
    positions = _positions(_channels_last(layer, node.outputs[0].shape), words)
    yield layer.depthwise_kernel, positions
    yield layer.pointwise_kernel, positions


def _at_tokens(layer: Any, node: Any, words: int) -> _Counted:
    """A projection of words picked from a sequence, or of the channels of a batch."""
    source = getattr(node.input_tensors[0], "_keras_history", None)
    if source is not None and isinstance(source.operation, AtTokens):
        return [(_variable(layer, "kernel"), words)]
    return _applied(layer, node, words)


def _looked_up(layer: Any, node: Any, words: int) -> _Counted:
    yield _variable(layer, "embeddings"), 0


def _recurrent(layer: Any, node: Any, words: int) -> _Counted:
    steps = _positions(node.input_tensors[0].shape[1:2], words)
    yield _variable(layer.cell, "kernel"), steps
    yield layer.cell.recurrent_kernel, steps


def _lstm(layer: Lstm, words: int) -> _Counted:
    yield layer.kernel, words
    yield layer.recurrent_kernel, words


def _encoder(layer: Encoder, node: Any, words: int) -> _Counted:
    for one in (layer.forwards, layer.backwards, *layer.uppers):
        yield from _lstm(one, words)


def _decoder(layer: Decoder, node: Any, words: int) -> _Counted:
    for one in (layer.bottom, *layer.uppers):
        yield from _lstm(one, words)
    yield layer.attention.memory_kernel, words
    yield layer.attention.query_kernel, words
    # each target word's query meets each source word: v · tanh(…), then the weighted sum
    yield layer.attention.v, words * words
    yield "attention, weighted sum", words * words * layer.units


_RULES: list[tuple[Any, _Rule]] = [
    ((L.SeparableConv1D, L.SeparableConv2D), _separable),
    ((L.Conv1DTranspose, L.Conv2DTranspose, L.Conv3DTranspose), _transposed),
    ((L.DepthwiseConv1D, L.DepthwiseConv2D, L.Conv1D, L.Conv2D, L.Conv3D), _applied),
    (L.Dense, _at_tokens),
    (L.Embedding, _looked_up),
    ((L.LSTM, L.GRU, L.SimpleRNN), _recurrent),
    (Encoder, _encoder),
    (Decoder, _decoder),
]
