"""A smaller network in place of one with dead channels: an ordinary model of the same outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from harness.pruning.errors import PruningError
from harness.pruning.permutation.channel_graph import Binding, Space
from harness.pruning.removal.vanishing import GATES, VanishingGraph, kept_width
from harness.pruning.same_function import all_outputs, difference, sample_for, tolerance

#: What layers call the number of their channels.
_WIDTHS = ("filters", "units", "output_dim")


@dataclass(frozen=True, eq=False)
class Shrunk:
    """What `shrink` made.

    Attributes:
        model: the smaller one.
        channels: channels that could be taken out, were they dead: those that no input or output
            of the model and no layer of another kind fixes.
        removed: how many of them were.
        parameters: of the model before.
    """

    model: Any
    channels: int
    removed: int
    parameters: int

    def __str__(self) -> str:
        return (
            f"{self.removed:,} of {self.channels:,} channels removed: {self.parameters:,} -> "
            f"{self.model.count_params():,} parameters"
        )


def shrink(model: Any, sample: Any = None) -> Shrunk:
    """Takes dead channels out of a model: filters, units, LSTM units, embedding columns.

    A channel is dead if it is zero whatever the inputs are (its weights, its bias and its shift
    in batch normalizations are zero, in every branch that is added to it), or if nothing reads it.
    Taking it out leaves the other channels what they are; that is checked on a sample (sums
    are rounded in another order). Of every layer one channel stays.

    Args:
        model: a built Functional or Sequential model, nested ones included; unchanged.
        sample: inputs for the check; random ones if left out.

    Returns:
        A model of the same layers with fewer channels, and what was taken out.

    Raises:
        PruningError: another kind of model, no dead channels, a sample needed for inputs of open
            size, or outputs that changed.

    Example:
        >>> small = shrink(model).model
        >>> small.save("small.keras")
    """
    graph = VanishingGraph(model)
    free = [space for space in graph.spaces if not space.fixed]
    if not free:
        reasons = sorted({space.fixed for space in graph.spaces})[:3]
        raise PruningError(
            f"no channel of model {model.name!r} can be removed: {'; '.join(reasons) or 'none'}."
        )
    kept = _alive(graph, free, _values(graph))
    removed = sum(int(np.sum(~alive)) for alive in kept.values())
    if not removed:
        raise PruningError(
            f"model {model.name!r} has no dead channels to remove: prune it with whole channels "
            "(sparsity=channels)."
        )
    small = _narrower(model, graph, kept)
    inputs = sample_for(model) if sample is None else sample
    worst = difference(all_outputs(model, inputs), all_outputs(small, inputs))
    if not worst <= tolerance(model):
        raise PruningError(
            f"removing channels of model {model.name!r} changed its outputs by {worst:.2g} of "
            "their range, so a layer treats channels otherwise than its class says."
        )
    return Shrunk(small, sum(space.size for space in free), removed, model.count_params())


def _values(graph: VanishingGraph) -> dict[int, np.ndarray]:
    return {
        id(b.variable): np.array(keras.ops.convert_to_numpy(b.variable)) for b in graph.bindings
    }


def _alive(
    graph: VanishingGraph, free: list[Space], values: dict[int, np.ndarray]
) -> dict[int, np.ndarray]:
    """Which channels stay, by id of their space.

    Where channels go, weights of others go with them; so again until nothing more is dead.

    Args:
        graph: of the model.
        free: spaces that can lose channels.
        values: of the weights, by id; those that go become zero.
    """
    kept = {id(space): np.ones(space.size, bool) for space in free}
    changed = True
    while changed:
        changed = False
        for space in free:
            before = kept[id(space)]
            alive = before & _used(graph, space, values)
            if not alive.any():
                alive[np.flatnonzero(before)[0]] = True
            if (alive != before).any():
                kept[id(space)], changed = alive, True
                _clear(graph.touching(space), space, ~alive, values)
    return kept


def _used(graph: VanishingGraph, space: Space, values: dict[int, np.ndarray]) -> np.ndarray:
    """Which channels are not zero at all times, and read by something."""
    made, read = np.zeros(space.size, bool), np.zeros(space.size, bool)
    for binding in graph.touching(space):
        if graph.reads(binding):
            read |= _busy(binding, space, values)
        elif graph.makes(binding) or _shifts(binding, values):
            made |= _busy(binding, space, values)
    return made & read


def _shifts(binding: Binding, values: dict[int, np.ndarray]) -> bool:
    """Whether a weight beside the kernels makes something of a channel of zeros."""
    name = binding.variable.name
    if name == "moving_mean":  # nothing is left of it where gamma is zero
        gamma = binding.layer.gamma
        if gamma is not None:
            values[id(binding.variable)] *= values[id(gamma)] != 0
    return name in ("bias", "beta", "moving_mean")


def _busy(binding: Binding, space: Space, values: dict[int, np.ndarray]) -> np.ndarray:
    """Which channels have a weight that is not zero along an axis, [channels]."""
    array = np.moveaxis(values[id(binding.variable)], binding.axis, 0)
    lines = (array.reshape(len(array), -1) != 0).any(axis=1)
    return np.any([lines[s : s + space.size] for s in binding.starts(space)], axis=0)


def _clear(
    bindings: list[Binding], space: Space, gone: np.ndarray, values: dict[int, np.ndarray]
) -> None:
    for binding in bindings:
        array = np.moveaxis(values[id(binding.variable)], binding.axis, 0)
        for start in binding.starts(space):
            array[start : start + space.size][gone] = 0


# --- the smaller model ----------------------------------------------------------------------


def _narrower(model: Any, graph: VanishingGraph, kept: dict[int, np.ndarray]) -> Any:
    """The same layers with the channels that stay."""
    widths = {id(b.layer): kept_width(b.layout, kept) for b in graph.bindings if graph.makes(b)}
    ends = {place: kept_width(layout, kept) for place, layout in graph.reshaped.items()}

    def narrower(layer: Any) -> Any:
        config = layer.get_config()
        if id(layer) in widths:
            name = next(name for name in _WIDTHS if name in config)
            gates = GATES if isinstance(layer, keras.layers.LSTM) else 1
            config[name] = widths[id(layer)] // gates
        shape = config.get("target_shape")
        if id(layer) in ends and shape is not None and shape[-1] != -1:
            config["target_shape"] = (*shape[:-1], ends[id(layer)])
        return type(layer).from_config(config)

    compiled, model.compiled = getattr(model, "compiled", False), False  # or the clone would be
    try:
        small = keras.models.clone_model(model, clone_function=narrower, recursive=True)
    finally:
        model.compiled = compiled
    weights = {id(variable): keras.ops.convert_to_numpy(variable) for variable in model.weights}
    for binding in graph.bindings:
        stays = [kept.get(id(s.root()), np.ones(s.size, bool)) for s in binding.layout]
        places = np.flatnonzero(np.concatenate(stays))
        weights[id(binding.variable)] = np.take(
            weights[id(binding.variable)], places, axis=binding.axis
        )
    small.set_weights([weights[id(variable)] for variable in model.weights])
    return small
