"""Channel permutation: reorder a model's channels so that N:M pruning costs less."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from harness.pruning.errors import PruningError, PruningWarning
from harness.pruning.kernels import Kernel, kernels_of
from harness.pruning.on_mask import OnMask
from harness.pruning.pattern.base import MisfitError
from harness.pruning.pattern.n_m import NM
from harness.pruning.permutation.channel_graph import Binding, ChannelGraph, Space
from harness.pruning.permutation.permutation_search import search_permutation
from harness.pruning.same_function import all_outputs, difference, sample_for, tolerance
from harness.pruning.scope.all_kernels import AllKernels
from harness.pruning.scope.base import Scope


@dataclass(frozen=True, eq=False)
class PermutedGroup:
    """Channels that had to be reordered together.

    Attributes:
        kernels: paths of the kernels that read these channels and are going to be pruned.
        channels: how many channels.
        order: int array; channel i is the former channel `order[i]`. None if left as it was.
        kept_before: magnitude that the pattern keeps in `kernels`, before.
        kept_after: the same, after.
        reason: why the order was left as it was, or "".
    """

    kernels: tuple[str, ...]
    channels: int
    order: np.ndarray | None
    kept_before: float
    kept_after: float
    reason: str


@dataclass(frozen=True, eq=False)
class PermutationReport:
    """What `permute_channels` did. `print(report)` shows a table.

    Attributes:
        groups: one for each set of channels, in the order of the model.
        kept_before: share of the magnitude of the kernels in scope that the pattern keeps,
            before.
        kept_after: the same, after.
    """

    groups: list[PermutedGroup]
    kept_before: float
    kept_after: float

    def __str__(self) -> str:
        lines = [f"{'channels':>8}  {'kept':>9}  kernels"]
        for group in self.groups:
            gain = group.kept_after / group.kept_before - 1 if group.kept_before else 0.0
            note = group.reason and f" - {group.reason}"
            lines.append(f"{group.channels:>8}  {gain:>+9.2%}  {', '.join(group.kernels)}{note}")
        lines.append(f"magnitude kept: {self.kept_before:.4f} before, {self.kept_after:.4f} after")
        return "\n".join(lines)


def permute_channels(
    model: Any,
    pattern: NM,
    scope: Scope | None = None,
    escapes: int = 10,
    seed: int = 0,
    sample: Any = None,
) -> PermutationReport:
    """Reorders channels, in place, so that an N:M pattern keeps more magnitude.

    The input channels of the kernels in scope are permuted and, with them, everything that
    carries the same channels: the output channels of the layers that make them, biases,
    normalization and depthwise weights, and the other readers. The model computes the same
    function (checked on a sample; sums are rounded in another order). Channels that a layer
    mixes in a way that is not known stay, with the reason in the report. Source: Pool & Yu,
    "Channel Permutations for N:M Sparsity" (NeurIPS 2021); for models with residual branches,
    all siblings that share channels share the permutation.

    Call it on the trained dense model, before a pruner is attached and before the optimizer
    of the retraining is made.

    Args:
        model: a built Functional or Sequential model, nested ones included.
        pattern: the pattern that will be used, along the input-channel axis.
        scope: the kernels that will be pruned; all by default.
        escapes: how often the search leaves a local maximum; see `search_permutation`.
        seed: of the search.
        sample: inputs for the check; random ones if left out.

    Returns:
        What was permuted, what it gained, and what was left for which reason.

    Raises:
        PruningError: another kind of model or pattern, a pruner attached, nothing in scope,
            weights that are not finite, no sample for a model with inputs of open size, or an
            output that changed (the weights are then put back).

    Example:
        >>> print(permute_channels(model, NM(2, 4)))
        >>> Pruner(NM(2, 4)).attach(model)
    """
    kernels = _checked(model, pattern, AllKernels() if scope is None else scope)
    inputs = sample_for(model) if sample is None else sample
    before = all_outputs(model, inputs)
    backup = model.get_weights()

    graph = ChannelGraph(model)
    magnitude = sum(float(np.abs(_array(k)).sum(dtype=np.float64)) for k in kernels)
    kept_before = _kept(kernels, pattern)
    groups = [
        _permute(space, graph.bindings, kernels, pattern, escapes, seed) for space in graph.spaces
    ]
    kept_after = _kept(kernels, pattern)

    worst = difference(before, all_outputs(model, inputs))
    if not worst <= tolerance(model):
        model.set_weights(backup)
        raise PruningError(
            f"permuting the channels of model {model.name!r} changed its outputs by {worst:.2g} of "
            "their range, so a layer treats channels otherwise than its class says. The weights "
            "were put back."
        )
    return PermutationReport(groups, kept_before / magnitude, kept_after / magnitude)


# --- checking ---------------------------------------------------------------------------


def _checked(model: Any, pattern: Any, scope: Scope) -> list[Kernel]:
    """The kernels that the pattern will prune."""
    if not isinstance(pattern, NM) or pattern.axis is not None:
        raise PruningError(
            f"permute_channels needs an NM pattern along the input channels, received {pattern!r}."
        )
    every = [kernel for kernel in kernels_of(model) if kernel.axes is not None]
    if not (isinstance(model, keras.Sequential) or hasattr(model, "_nodes_by_depth")):
        raise PruningError(
            f"permute_channels follows channels through the graph of a Functional or Sequential "
            f"model; {model.name!r} is a {type(model).__name__} without one."
        )
    if any(isinstance(kernel.variable.constraint, OnMask) for kernel in every):
        raise PruningError(f"detach the pruner from model {model.name!r} first: masks stay behind.")
    if int(getattr(getattr(model, "optimizer", None), "iterations", 0)):
        warnings.warn(
            "the optimizer has state for the old order of channels: compile anew before training.",
            PruningWarning,
            stacklevel=3,
        )
    verdicts = scope.verdicts(model, every)
    found = [
        k for k in every if not verdicts[k.path] and k.variable.trainable and _fits(pattern, k)
    ]
    if not found:
        raise PruningError(f"no kernel of model {model.name!r} is in the scope {scope}.")
    for kernel in found:
        if not np.isfinite(_array(kernel)).all():
            raise PruningError(
                f"{kernel.path} has NaN or infinite weights, which have no order: train the dense "
                "model to finite ones first."
            )
    return found


def _fits(pattern: NM, kernel: Kernel) -> bool:
    assert kernel.axes is not None
    try:
        pattern.fit(kernel.shape, kernel.axes)
    except MisfitError:
        return False
    return True


# --- permuting --------------------------------------------------------------------------


def _array(kernel: Kernel) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(kernel.variable), np.float32)


def _kept(kernels: Sequence[Kernel], pattern: NM) -> float:
    """Magnitude that the pattern keeps in kernels."""
    total = 0.0
    for kernel in kernels:
        scores = np.abs(_array(kernel))
        mask = pattern.mask(scores, 1 - pattern.n / pattern.m, kernel.axes)
        total += float(scores[mask].sum(dtype=np.float64))
    return total


def _permute(
    space: Space,
    bindings: Sequence[Binding],
    kernels: Sequence[Kernel],
    pattern: NM,
    escapes: int,
    seed: int,
) -> PermutedGroup:
    """Finds and applies an order for one space, if it gains."""
    touching = [b for b in bindings if any(s.root() is space for s in b.layout)]
    readers = []
    for kernel in kernels:
        assert kernel.axes is not None
        found = [b for b in touching if b.variable is kernel.variable and b.axis == kernel.axes[0]]
        readers += [(kernel, binding) for binding in found]
    paths = tuple(kernel.path for kernel, _ in readers)
    read = [kernel for kernel, _ in readers]
    kept = _kept(read, pattern)
    blocks = [block for k, b in readers for block in _blocks(_array(k), b, space, pattern.m)]
    reason = space.fixed
    if not reason and space.size <= pattern.m:
        reason = f"{space.size} channels are one group of {pattern.m}"
    if not reason and not blocks:
        reason = "no kernel in scope reads these channels in whole groups"
    if reason:
        return PermutedGroup(paths, space.size, None, kept, kept, reason)
    matrix = np.concatenate(blocks, axis=1)
    order = search_permutation(matrix, pattern.n, pattern.m, escapes, seed)
    _reorder(touching, space, order)
    after = _kept(read, pattern)
    if after <= kept:
        _reorder(touching, space, np.argsort(order))
        reason = "no better order found"
        return PermutedGroup(paths, space.size, None, kept, kept, reason)
    return PermutedGroup(paths, space.size, order, kept, after, "")


def _blocks(array: np.ndarray, binding: Binding, space: Space, m: int) -> list[np.ndarray]:
    """Magnitudes [channels, rest] of each stretch of the axis that is this space."""
    rows = np.abs(np.moveaxis(array, binding.axis, 0)).reshape(array.shape[binding.axis], -1)
    # Groups that straddle two stretches depend on both: the search leaves them out.
    aligned = [start for start in binding.starts(space) if start % m == 0]
    return [rows[start : start + space.size] for start in aligned]


def _reorder(bindings: Sequence[Binding], space: Space, order: np.ndarray) -> None:
    for binding in bindings:
        index = np.arange(sum(one.size for one in binding.layout))
        for start in binding.starts(space):
            index[start : start + space.size] = start + order
        value = keras.ops.convert_to_numpy(binding.variable)
        binding.variable.assign(np.take(value, index, axis=binding.axis))
