"""Which weights of a model are pruned, and why the others are not."""

from __future__ import annotations

from typing import Any, NamedTuple

from harness.pruning.errors import PruningError
from harness.pruning.kernels import Kernel, kernels_of
from harness.pruning.pattern.base import MisfitError, Pattern
from harness.pruning.scope.base import Scope
from harness.pruning.state import Weight
from harness.pruning.summary import LayerSummary, Summary

#: Every weight of a model, with the note on it.
Rows = list[tuple[Kernel, str]]


class Counts(NamedTuple):
    """Of a pruned weight's elements: those not zero, those on the mask, those not zero off it.

    Not `counted` are weights that die with the channels of others.
    """

    kept: int
    on_mask: int
    off_mask: int
    counted: bool = True


def counts_of(weight: Weight) -> Counts:
    """Of its present value."""
    off_mask = weight.count_off_mask()
    return Counts(weight.count_nonzero(), weight.count(), off_mask, not weight.follows)


def plan(model: Any, scope: Scope, pattern: Pattern) -> tuple[list[Weight], Rows]:
    """The weights to prune, and every weight with the note on it.

    Raises:
        PruningError: the model is not built, or none of its weights is to be pruned.
    """
    every = list(kernels_of(model))
    verdicts = scope.verdicts(model, [k for k in every if k.axes is not None])
    weights: list[Weight] = []
    rows = []
    for kernel in every:
        note = kernel.note if kernel.axes is None else verdicts[kernel.path]
        if not kernel.variable.trainable:
            note = "frozen"
        elif not note and kernel.axes is not None:
            try:
                note = pattern.fit(kernel.shape, kernel.axes)
                weights.append(Weight(kernel, len(weights), note))
            except MisfitError as misfit:
                note = f"skipped: {misfit}"
        rows.append((kernel, note))
    if weights and pattern.tied:
        from harness.pruning.removal.tied import tie

        weights, rows = tie(model, weights, rows)
    if not weights:
        raise PruningError(
            f"no weight of model {model.name!r} is in the scope {scope}: {_reasons(rows)}."
        )
    return weights, rows


def _reasons(rows: list[tuple[Kernel, str]]) -> str:
    """The different reasons why nothing is pruned, those of kernels before those of biases."""
    by_reason: dict[str, list[str]] = {}
    for kernel, note in sorted(rows, key=lambda row: len(row[0].shape) < 2):
        by_reason.setdefault(note, []).append(kernel.path)
    texts = [
        f"{reason} ({paths[0]}{f' and {len(paths) - 1} more' if paths[1:] else ''})"
        for reason, paths in list(by_reason.items())[:5]
    ]
    return "; ".join(texts) or "it has no weights"


def summary_of(
    model: Any, rows: Rows, counts: dict[str, Counts], step: int, final: float
) -> Summary:
    """All weights of a model as a summary.

    Args:
        model: it.
        rows: its weights, of `plan`.
        counts: path of each pruned weight -> its counts.
        step: optimizer updates so far.
        final: the sparsity that the schedule ends at.
    """
    layers = []
    for kernel, note in rows:
        unpruned = Counts(kernel.size, kernel.size, 0, counted=False)
        kept, on_mask, off_mask, counted = counts.get(kernel.path, unpruned)
        layers.append(
            LayerSummary(
                path=kernel.path,
                layer=kernel.layer.name,
                layer_type=type(kernel.layer).__name__,
                weight=kernel.name,
                shape=kernel.shape,
                size=kernel.size,
                trainable=bool(kernel.variable.trainable),
                prunable=counted,
                reason="; ".join(filter(None, (note, _difference(kept, on_mask, off_mask)))),
                kept=kept,
                on_mask=on_mask,
                off_mask=off_mask,
                sparsity=1 - kept / kernel.size if kernel.size else 0.0,
            )
        )
    return Summary(layers, model.count_params(), step, final)


def _difference(kept: int, on_mask: int, off_mask: int) -> str:
    """Where weights and mask differ, in words."""
    zeros = on_mask - (kept - off_mask)
    return "; ".join(
        f"{count:,} {what}"
        for count, what in ((off_mask, "non-zero off the mask"), (zeros, "zero on the mask"))
        if count
    )
