r"""Gradual N:M: from m:m down to n:m, one weight a group at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from harness.options import choice
from harness.pruning.errors import PruningError
from harness.pruning.pattern.base import Axes
from harness.pruning.pattern.n_m import NM, NMOptions
from harness.pruning.threshold import kept_count, kept_count_in_graph


@choice
@dataclass
class GradualNMOptions(NMOptions):
    """From `m` kept of every `m` down to `n`, at the pace of the schedule."""

    words: ClassVar[str] = "gradual"
    schedules: ClassVar[tuple[str, ...] | None] = ("polynomial", "cosine")
    kind: str = "gradual_n_m"

    def pattern(self) -> GradualNM:
        """The pattern."""
        return GradualNM(self.n, self.m)


class GradualNM(NM):
    r"""`NM` whose n follows the schedule: at sparsity s every group of m keeps

    .. math:: n_t = \mathrm{round}(m\,(1 - s_t)) \ge n

    so that a schedule from 0 to 1 - n/m walks m:m → … → n:m, the same in every weight.
    Source: the "sparse structure decay" of Kao et al., "Training Recipe for N:M Structured
    Sparsity with Decaying Pruning Mask" (https://arxiv.org/abs/2209.07617); the pace is that
    of the schedule.

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

    def level(self, sparsity: Any) -> Any:
        """n_t, int64 scalar tensor (before it is held at n or above)."""
        return kept_count_in_graph(self.m, sparsity)

    def _kept(self, shape: tuple[int, ...], axes: Axes, sparsity: Any) -> Any:
        import tensorflow as tf

        if tf.is_tensor(sparsity):
            return self.level(sparsity)
        if sparsity is None or not 0 <= sparsity <= 1:
            raise PruningError(f"sparsity must be in [0, 1], received {sparsity!r}.")
        return int(kept_count(self.m, sparsity))

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
