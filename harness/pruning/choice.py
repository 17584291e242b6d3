"""Which weights a refresh keeps: scores and a sparsity become a mask for every weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from harness.pruning.allocation.base import Allocation
from harness.pruning.pattern.base import Pattern
from harness.pruning.removal import tied
from harness.pruning.score.magnitude import Magnitude
from harness.pruning.state import Weight


class Choice:
    """The masks of one pruner's weights.

    Args:
        weights: the weights to prune.
        pattern: which weights are zero together.
        allocation: how the budget is shared out.
        of: which weights' scores count (`Score.of`).

    Raises:
        PruningError: some channels are not judged by such scores.
    """

    def __init__(
        self, weights: Sequence[Weight], pattern: Pattern, allocation: Allocation, of: str
    ) -> None:
        self._weights, self._pattern, self._allocation = weights, pattern, allocation
        self._of = of
        if pattern.tied:
            tied.check_judged(weights, of)

    def wanted(
        self, sparsity: Any, scores: Sequence[Any], of: str | None = None
    ) -> list[tuple[Any, Any]]:
        """What makes each weight's mask of its scores.

        Args:
            sparsity: of all weights together; float32 scalar tensor.
            scores: float32 tensors of the weights' shapes.
            of: whose scores these are, if not what the choice was made for.

        Returns:
            A pattern and the units that it keeps (int64 scalar, None where dictated) each.
        """
        if not self._pattern.tied:
            return [(self._pattern, count) for count in self._kept(sparsity, scores)]
        masks = tied.decide(
            self._weights, self._pattern, scores, of or self._of, sparsity, self._allocation
        )
        return [(tied.Decided(mask), None) for mask in masks]

    def by_magnitude(self, sparsity: float) -> list[Any]:
        """The masks that the largest weights of today make at a sparsity."""
        scores = [Magnitude().scores(weight, 0) for weight in self._weights]
        wanted = self.wanted(tf.constant(np.float32(sparsity)), scores, Magnitude.of)
        return [
            pattern.keep(score, count, weight.axes)
            for weight, score, (pattern, count) in zip(self._weights, scores, wanted, strict=True)
        ]

    def by_zeros(self) -> list[Any]:
        """The masks that the zeros of today make."""
        if self._pattern.tied:
            return tied.present(self._weights)
        return [tf.not_equal(weight.value, 0) for weight in self._weights]

    def _kept(self, sparsity: Any, scores: Sequence[Any]) -> list[Any]:
        pattern, weights = self._pattern, self._weights
        if pattern.final_sparsity is not None:
            return [pattern.level(sparsity)] * len(weights)
        units = [pattern.units(weight.shape, weight.axes) for weight in weights]
        unit_scores = None
        if self._allocation.uses_scores:
            unit_scores = [
                pattern.unit_scores(score, weight.axes)
                for weight, score in zip(weights, scores, strict=True)
            ]
        shapes = [weight.shape for weight in weights]
        kept = self._allocation.kept(units, shapes, sparsity, unit_scores)
        return tf.unstack(kept, len(units))
