"""Which channels of a network would be zero everywhere, were the weights that make them zero.

Such a channel can be taken out and nothing changes: what reads it adds a zero less. The channel
graph of permutation knows which weights hold the same channels; not everything that may be
reordered may vanish, though. A softmax gives zeros a share, a sigmoid makes a half of them, a
normalization over channels counts them: such layers keep their channels.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from harness.pruning.errors import PruningError
from harness.pruning.permutation.channel_graph import (
    CHANNELWISE_OPS,
    MERGES,
    Binding,
    ChannelGraph,
    Layout,
    Space,
    fix,
    variable_of,
)

L = keras.layers
#: Gates of an LSTM, side by side in its kernels.
GATES = 4
_ACTIVATIONS = (L.Activation, L.ReLU, L.LeakyReLU, L.ELU, L.Softmax)
#: Sums to which every channel of an input, or a constant, adds something.
_SUMS = {"Add", "Subtract", "Average", "Maximum", "Minimum"}


class VanishingGraph(ChannelGraph):
    """The channel spaces of a model; those that say no reason why not can lose channels.

    Beside what permutation follows it knows the units of an LSTM: one is zero at all times if
    its candidate is, for then nothing ever enters its cell.

    Args:
        model: a built Functional or Sequential model, nested ones included.

    Raises:
        PruningError: another kind of model.
    """

    def __init__(self, model: Any) -> None:
        if not (isinstance(model, keras.Sequential) or hasattr(model, "_nodes_by_depth")):
            raise PruningError(
                f"channels are followed through the graph of a Functional or Sequential model; "
                f"{model.name!r} is a {type(model).__name__} without one."
            )
        self._produced: dict[int, set[int]] = {}
        #: Layouts that `Flatten` and `Reshape` make, by id of the layer.
        self.reshaped: dict[int, Layout] = {}
        super().__init__(model)

    # --- what weights do to the channels along an axis of theirs ------------------------------

    def makes(self, binding: Binding) -> bool:
        """Whether it is the output axis of a kernel."""
        return binding.axis in self._produced.get(id(binding.variable), ())

    def reads(self, binding: Binding) -> bool:
        """Whether it is an input axis of a kernel that mixes channels."""
        return id(binding.variable) in self._produced and not self.makes(binding)

    def touching(self, space: Space) -> list[Binding]:
        """The axes of weights that a space lies along."""
        return [b for b in self.bindings if any(s.root() is space for s in b.layout)]

    # --- the rules ----------------------------------------------------------------------------

    def _call(self, node: Any, inputs: list[Layout]) -> list[Layout]:
        found = super()._call(node, inputs)
        layer = node.operation
        if isinstance(layer, L.Reshape | L.Flatten):
            self.reshaped[id(layer)] = found[0]
        if not _keeps_zeros(layer, node):
            reason = f"{layer.name} ({type(layer).__name__}) makes something of zeros"
            for layout in (*inputs, *found) if not hasattr(layer, "kernel") else found:
                fix(layout, reason)
        return found

    def _rule(self, layer: Any) -> Any:
        return self._lstm if isinstance(layer, L.LSTM) else super()._rule(layer)

    def _lstm(self, layer: Any, node: Any, inputs: list[Layout]) -> Layout | None:
        if len(node.input_tensors) != 1 or len(node.outputs) != 1 or layer.stateful:
            return None  # a state that is handed on
        cell = layer.cell
        gates = (Space(layer.units),) * GATES
        self._bind(layer, variable_of(cell, "kernel"), -2, inputs[0])
        for kernel in (variable_of(cell, "kernel"), variable_of(cell, "recurrent_kernel")):
            self._bind(layer, kernel, -1, gates)
            self._produced.setdefault(id(kernel), set()).add(1)
        self._bind(layer, variable_of(cell, "recurrent_kernel"), 0, gates[:1])
        self._bind(layer, cell.bias, -1, gates)
        return self._bound[id(variable_of(cell, "recurrent_kernel")), 0].layout

    def _produce(self, layer: Any, kernel: Any, axis: int) -> Layout:
        self._produced.setdefault(id(kernel), set()).add(axis % len(kernel.shape))
        return super()._produce(layer, kernel, axis)


def _keeps_zeros(layer: Any, node: Any) -> bool:
    """Whether channels of zeros stay zero, and leave the others as they are."""
    name = type(layer).__name__
    if isinstance(layer, L.LayerNormalization) or name == "Divide":
        return False
    if isinstance(layer, L.BatchNormalization):
        return layer.beta is not None or layer.gamma is not None
    if isinstance(layer, MERGES) or (not isinstance(layer, keras.Layer) and name in _SUMS):
        return name == "Multiply" or not _adds_to_all(node)
    if isinstance(layer, _ACTIVATIONS):
        return _zero_at_zero(layer)
    if not isinstance(layer, keras.Layer):
        return name not in CHANNELWISE_OPS or _zero_at_zero(layer)
    activation = getattr(layer, "activation", None)
    return activation is None or _zero_at_zero(activation)


def _adds_to_all(node: Any) -> bool:
    """Whether a constant, or a single channel, is added to every channel."""
    arguments = keras.tree.flatten([node.arguments.args, node.arguments.kwargs])
    constants = [a for a in arguments if not keras.backend.is_keras_tensor(a)]
    widths = {tensor.shape[-1] for tensor in node.input_tensors}
    return len(widths) > 1 or any(np.any(np.asarray(a) != 0) for a in constants if a is not None)


def _zero_at_zero(function: Any) -> bool:
    return not np.any(keras.ops.convert_to_numpy(function(keras.ops.zeros((1, 2)))))


def kept_width(layout: Layout, kept: dict[int, np.ndarray]) -> int:
    """Channels of a layout that stay.

    Args:
        layout: it.
        kept: id of a space -> bool array, True for the channels that stay; all do of a space
            that is not in it.
    """
    return sum(
        int(kept[id(space.root())].sum()) if id(space.root()) in kept else space.size
        for space in layout
    )
