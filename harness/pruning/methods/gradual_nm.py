r"""Gradual N:M: from m:m down to n:m, one weight a group at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.pruning.errors import PruningError
from harness.pruning.pattern import NM, Pattern

Axes = tuple[int, int]


class GradualNM(NM):
    r"""`NM` whose n follows the schedule: at sparsity s every group of m keeps about

    .. math:: n_t = \mathrm{round}(m\,(1 - s_t)) \ge n

    so that a schedule from 0 to 1 - n/m walks m:m → … → n:m. All groups of a weight keep the
    same number; in between, weights share the budget to the nearest whole number a group, so
    some reach the next n earlier than others. Source: the "sparse structure decay" of Kao et
    al., "Training Recipe for N:M Structured Sparsity with Decaying Pruning Mask"
    (https://arxiv.org/abs/2209.07617); the pace is that of the schedule.

    Args:
        n: weights kept in each group at the end.
        m: group size.
        axis: see `NM`.
        ragged: see `NM`.

    Example:
        >>> Pruner(GradualNM(2, 4), Polynomial(0.0, 0.5, begin_step=0, end_step=4000))
    """

    def __init__(
        self, n: int, m: int, axis: int | None = None, ragged: str = "proportional"
    ) -> None:
        super().__init__(n, m, axis, ragged)
        self.fixed_sparsity = None

    def __repr__(self) -> str:
        return f"GradualNM({self.n}, {self.m})"

    def units(self, shape: tuple[int, ...], axes: Axes) -> int:
        """Levels of the pattern: m:m is level m."""
        return self.m

    def _kept(self, shape: tuple[int, ...], axes: Axes, sparsity: Any) -> Any:
        return Pattern._kept(self, shape, axes, sparsity)

    def keep(self, scores: Any, kept: Any, axes: Axes) -> Any:
        """The best of each group, as many as the level `kept`, but never less than n."""
        import tensorflow as tf

        axis = self._axis(tuple(scores.shape), axes)
        length = int(scores.shape[axis])
        level = tf.clip_by_value(tf.cast(kept, tf.int32), self.n, self.m)
        tail = length % self.m
        limits = tf.fill([length // self.m], level)
        if tail:
            short = tf.minimum(level, tail) if self.ragged == "keep" else self._share(tail, level)
            limits = tf.concat([limits, short[None]], axis=0)
        return self._select(scores, limits, axis)

    def _share(self, length: int, level: Any) -> Any:
        """ceil(length · level / m), as `NM` rounds a short group."""
        return -((-length * level) // np.int32(self.m))

    def unit_scores(self, scores: Any, axes: Axes) -> Any:
        """Not used: only the uniform allocation makes all weights end at n:m."""
        raise PruningError(f"{self} ends at {self.n}:{self.m} in every weight: use Uniform().")
