"""Channels that live and die together: which weights hold them, and what masks that makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from harness.pruning.allocation.base import Allocation
from harness.pruning.errors import PruningError
from harness.pruning.kernels import Kernel
from harness.pruning.permutation.channel_graph import Binding, Space
from harness.pruning.removal.span import Span
from harness.pruning.removal.vanishing import VanishingGraph
from harness.pruning.state import Weight


def span_of(weight: Weight) -> Span:
    """The span of a weight that `tie` returned."""
    assert weight.span is not None
    return weight.span


def tie(
    model: Any, weights: Sequence[Weight], rows: Sequence[tuple[Kernel, str]]
) -> tuple[list[Weight], list[tuple[Kernel, str]]]:
    """Lays a pattern of tied channels over a model.

    Args:
        model: built.
        weights: the kernels in scope.
        rows: every weight of the model, with the note on it.

    Returns:
        The kernels whose channels can die, then what dies with them, all with a `span`; and the
        rows, which say why others stay.

    Raises:
        PruningError: the model has no graph.
    """
    graph = VanishingGraph(model)
    wanted = {id(weight.variable) for weight in weights}
    known = {id(kernel.variable): kernel for kernel, _ in rows}
    groups: dict[int, int] = {}
    notes: dict[int, str] = {}
    for space in graph.spaces:
        makers = [b for b in graph.touching(space) if graph.makes(b)]
        reason = _reason(graph, space, makers, wanted, known)
        if not reason:
            groups[id(space)] = len(groups)
        notes |= {id(b.variable): f"skipped: {reason}" for b in makers if reason}
    tied: list[Weight] = []
    for follows in (False, True):
        for binding in graph.bindings:
            kernel = known.get(id(binding.variable))
            if kernel is None or graph.reads(binding) or graph.makes(binding) is follows:
                continue
            span = _span(graph, binding, groups, follows)
            if any(group is not None for group, _ in span.stretches):
                axes = kernel.axes or (binding.axis, binding.axis)
                tied.append(Weight(replace(kernel, axes=axes), len(tied), "", span))
    following = {id(weight.variable) for weight in tied if weight.follows}
    judged = {id(weight.variable) for weight in tied} - following

    def noted(kernel: Kernel, note: str) -> str:
        place = id(kernel.variable)
        if place in following:
            return "dies with its channels"
        if place in wanted and place not in judged:
            return notes.get(place, "skipped: its channels cannot be followed")
        return note

    return tied, [(kernel, noted(kernel, note)) for kernel, note in rows]


def _reason(
    graph: VanishingGraph,
    space: Space,
    makers: Sequence[Binding],
    wanted: set[int],
    known: dict[int, Kernel],
) -> str:
    """Why the channels of a space have to stay, or ""."""
    if space.fixed or not makers:
        return space.fixed or "no kernel makes these channels"
    if space.size < 2:
        return "it has a single channel"
    out = [b for b in makers if id(b.variable) not in wanted]
    if out:
        return f"its channels are also those of {known[id(out[0].variable)].path}, not pruned"
    frozen = [
        kernel.path
        for binding in graph.touching(space)
        if (kernel := known.get(id(binding.variable))) is not None
        and not graph.reads(binding)
        and not kernel.variable.trainable
    ]
    return f"{frozen[0]}, which holds its channels, too, is frozen" if frozen else ""


def _span(graph: VanishingGraph, binding: Binding, groups: dict[int, int], follows: bool) -> Span:
    stretches = tuple((groups.get(id(s.root())), s.size) for s in binding.layout)
    layer = binding.layer
    beside: tuple[Any, ...] = ()
    mean = getattr(layer, "moving_mean", None)
    # Once a layer: with its shift, or with its scale if it has no shift.
    if mean is not None and binding.variable is (layer.gamma if layer.beta is None else layer.beta):
        beside = (mean,)
    return Span(binding.axis, stretches, follows, beside)


# --- masks ------------------------------------------------------------------------------------


class Decided:
    """A pattern for one weight whose mask is known."""

    def __init__(self, mask: Any) -> None:
        self._mask = mask

    def keep(self, scores: Any, kept: Any, axes: Any) -> Any:
        """The mask."""
        return self._mask


def decide(
    weights: Sequence[Weight],
    pattern: Any,
    scores: Sequence[Any],
    of: str,
    sparsity: Any,
    allocation: Allocation,
) -> list[Any]:
    """Masks of all weights at a sparsity.

    Args:
        weights: what `tie` returned.
        pattern: how a channel's scores are pooled, and ties are broken.
        scores: of the weights, float32, of their shapes.
        of: which weights are judged: "kernel", or the name of those that follow.
        sparsity: share of the channels that die, float32 scalar tensor.
        allocation: how it is shared out among groups of channels.

    Returns:
        bool tensors of the weights' shapes.
    """
    from harness.pruning.threshold import keep_largest

    pooled = _pooled(weights, scores, of, pattern.pooling)
    sizes = [int(score.shape[0]) for score in pooled]
    first = {
        g: w.shape for w in reversed(weights) if not w.follows for g, *_ in span_of(w).starts()
    }
    shapes = [first[group] for group in range(len(sizes))]
    given = pooled if allocation.uses_scores else None
    kept = allocation.kept(sizes, shapes, sparsity, given)
    alive = [keep_largest(one, kept[group], pattern.ties) for group, one in enumerate(pooled)]
    return spread(weights, alive)


def check_judged(weights: Sequence[Weight], of: str) -> None:
    """Refuses groups of channels that nothing judges.

    Raises:
        PruningError: names the first.
    """
    judged = {g for w in _judged(weights, of) for g, *_ in span_of(w).starts()}
    for weight in weights:
        if any(group not in judged for group, *_ in span_of(weight).starts()):
            raise PruningError(
                f"no batch normalization scales the channels of {weight.path}, so no {of} judges "
                "them: use a score of kernels, such as Magnitude(), or leave it out of the scope."
            )


def present(weights: Sequence[Weight]) -> list[Any]:
    """Masks that keep the channels with a weight in their kernels that is not zero."""
    import tensorflow as tf

    busy = [tf.cast(tf.not_equal(weight.value, 0), tf.float32) for weight in weights]
    return spread(weights, [one > 0 for one in _pooled(weights, busy, "kernel", "max")])


def spread(weights: Sequence[Weight], alive: Sequence[Any]) -> list[Any]:
    """Masks of the weights' shapes from one bool a channel of each group."""
    import tensorflow as tf

    masks = []
    for weight in weights:
        pieces = [
            tf.ones([size], tf.bool) if group is None else alive[group]
            for group, size in span_of(weight).stretches
        ]
        line = [1] * len(weight.shape)
        line[span_of(weight).axis] = weight.shape[span_of(weight).axis]
        masks.append(tf.broadcast_to(tf.reshape(tf.concat(pieces, 0), line), weight.shape))
    return masks


def _judged(weights: Sequence[Weight], of: str) -> list[Weight]:
    return [w for w in weights if (w.kernel.name == of if w.follows else of == "kernel")]


def _pooled(weights: Sequence[Weight], scores: Sequence[Any], of: str, pooling: str) -> list[Any]:
    """One score a channel of each group: over a weight's other axes, then over the weights."""
    import tensorflow as tf

    pool: Callable[..., Any] = tf.reduce_mean if pooling == "average" else tf.reduce_max
    judged = {id(weight) for weight in _judged(weights, of)}
    found: dict[int, list[Any]] = {}
    for weight, score in zip(weights, scores, strict=True):
        if id(weight) in judged:
            others = [axis for axis in range(len(weight.shape)) if axis != span_of(weight).axis]
            line = pool(score, axis=others)
            for group, start, size in span_of(weight).starts():
                found.setdefault(group, []).append(line[start : start + size])
    return [pool(tf.stack(found[group]), axis=0) for group in sorted(found)]
