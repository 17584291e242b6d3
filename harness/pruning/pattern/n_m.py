"""N kept of every M consecutive weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from harness.errors import ConfigError
from harness.options import choice
from harness.pruning.errors import PruningError
from harness.pruning.pattern.base import Axes, MisfitError, Pattern, PatternOptions, default_axes

_PAIRWISE_LIMIT = 8  # above this group size, sorting each group is cheaper than M²/2 compares


@choice
@dataclass
class NMOptions(PatternOptions):
    """`n` weights are kept of every `m` along the input channels."""

    schedules: ClassVar[tuple[str, ...] | None] = ("one_shot", "constant")
    kind: str = "n_m"
    n: int = 2
    m: int = 4

    @property
    def sparsity(self) -> float:
        """1 - n/m."""
        return 1 - self.n / self.m

    @property
    def label(self) -> str:
        """`2 by 4`."""
        return f"{self.n} by {self.m}"

    def check(self, key: str) -> None:
        """Fewer kept than there are."""
        if not 1 <= self.n < self.m:
            raise ConfigError(
                f"{key}: received n={self.n}, m={self.m}; accepted: 1 <= n < m (n weights are "
                "kept of every m)"
            )

    def pattern(self) -> NM:
        """The pattern."""
        return NM(self.n, self.m)


class NM(Pattern):
    """N **kept** of every M consecutive weights along the input-channel axis.

    `NM(2, 4)` is the 2:4 pattern of sparse tensor cores (Mishra et al.,
    https://arxiv.org/abs/2104.08378): two of four weights are kept. Note that tfmot's
    `sparsity_m_by_n=(m, n)` counts the opposite, m *zeros* of every n.

    Args:
        n: weights kept in each group, 1 to m - 1.
        m: group size.
        axis: the axis along which groups run; None is the input-channel axis of the layer.
        ragged: what to do where m does not divide the axis. "proportional" keeps
            `ceil(r · n / m)` of the r weights in the last, short group; "keep" keeps up to n
            of them, as tfmot does (3 input channels under 2:4 then stay 2/3 dense, 2 or 1
            channels wholly dense); "skip" leaves the whole weight dense and reports it.
    """

    def __init__(
        self, n: int, m: int, axis: int | None = None, ragged: str = "proportional"
    ) -> None:
        if not all(isinstance(v, int | np.integer) and not isinstance(v, bool) for v in (n, m)):
            raise PruningError(f"NM(n, m) takes two ints, received NM({n!r}, {m!r}).")
        if not 1 <= n < m:
            raise PruningError(
                f"NM(n, m) keeps n of every m weights, so 1 <= n < m; received NM({n}, {m}). "
                "75 % sparsity is NM(1, 4)."
            )
        if ragged not in ("proportional", "keep", "skip"):
            raise PruningError(
                f"ragged must be 'proportional', 'keep' or 'skip', received {ragged!r}."
            )
        self.n, self.m, self.axis, self.ragged = int(n), int(m), axis, ragged
        self.fixed_sparsity = self.final_sparsity = 1 - n / m

    def __repr__(self) -> str:
        return f"NM({self.n}, {self.m})"

    def _axis(self, shape: tuple[int, ...], axes: Axes) -> int:
        if self.axis is None:
            return axes[0]
        if not -len(shape) <= self.axis < len(shape):
            raise MisfitError(f"{self}: axis {self.axis} is outside shape {shape}.")
        return self.axis % len(shape)

    def fit(self, shape: tuple[int, ...], axes: Axes) -> str:
        """Reports a short last group."""
        if not shape:
            raise MisfitError(f"{self} needs a weight of rank 1 or more, received a scalar.")
        axis = self._axis(shape, axes)
        tail = shape[axis] % self.m
        if not tail:
            return ""
        where = f"{self.m} does not divide the {shape[axis]} weights along axis {axis}"
        if self.ragged == "skip":
            raise MisfitError(f"{self}: {where}")
        return f"last group keeps {self._tail(tail)} of {tail}: {where}"

    def _tail(self, length: int) -> int:
        """Weights kept in a last group of `length`."""
        if self.ragged == "keep":
            return min(self.n, length)
        return -(-length * self.n // self.m)

    def _limits(self, length: int) -> np.ndarray:
        """Weights kept in each group along an axis of `length`: int32 [groups]."""
        limits = np.full(-(-length // self.m), self.n, np.int32)
        if length % self.m:
            limits[-1] = self._tail(length % self.m)
        return limits

    def units(self, shape: tuple[int, ...], axes: Axes) -> int:
        """Every weight is a unit."""
        return math.prod(shape)

    def kept(self, shape: tuple[int, ...], axes: Axes) -> int:
        """How many weights the pattern keeps in a shape."""
        axis = self._axis(shape, axes)
        return int(self._limits(shape[axis]).sum()) * (math.prod(shape) // shape[axis])

    def unit_scores(self, scores: Any, axes: Axes) -> Any:
        """Not used: groups decide for themselves."""
        raise PruningError(f"{self} dictates its sparsity: no allocation can rank its weights.")

    def expand(self, chosen: Any, shape: tuple[int, ...], axes: Axes) -> Any:
        """Not used: groups decide for themselves."""
        raise PruningError(f"{self} dictates its sparsity: no allocation can rank its weights.")

    def _kept(self, shape: tuple[int, ...], axes: Axes, sparsity: Any) -> Any:
        return None

    def keep(self, scores: Any, kept: Any, axes: Axes) -> Any:
        """The best n of each group; `kept` is ignored."""
        axis = self._axis(tuple(scores.shape), axes)
        return self._select(scores, self._limits(scores.shape[axis]), axis)

    def _select(self, scores: Any, limits: Any, axis: int) -> Any:
        """The best `limits[g]` of every group g along an axis."""
        import tensorflow as tf

        shape = tuple(scores.shape)
        view = [math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])]
        mask = _group_select(self.m)(
            tf.reshape(scores, view), tf.convert_to_tensor(limits, tf.int32)
        )
        return tf.reshape(mask, shape)

    def holds(self, weights: Any, axes: Axes | None = None) -> bool:
        """Whether every group of `weights`, a short last one included, has at most n non-zeros."""
        array = np.asarray(weights)
        axes = default_axes(array.ndim) if axes is None else axes
        moved = np.moveaxis(array, self._axis(array.shape, axes), -1)
        starts = np.arange(0, moved.shape[-1], self.m)
        per_group = np.add.reduceat((moved != 0).astype(np.int64), starts, axis=-1)
        return bool((per_group <= self.n).all())


@cache
def _group_select(m: int) -> Any:
    """Marks the best of each group of m along axis 1, traced once and shared by every weight."""
    import tensorflow as tf

    def ranks_by_comparison(groups: Any) -> Any:
        members = tf.unstack(groups, axis=2)
        ranks = [tf.zeros_like(members[0], tf.int8) for _ in members]
        for i in range(m):
            for j in range(i + 1, m):
                later_wins = tf.cast(members[j] > members[i], tf.int8)
                ranks[i] += later_wins
                ranks[j] += np.int8(1) - later_wins
        return tf.stack(ranks, axis=2)

    def ranks_by_sorting(groups: Any) -> Any:
        order = tf.argsort(-groups, axis=2, stable=True)
        return tf.argsort(order, axis=2, stable=True)

    def select(scores: Any, limits: Any) -> Any:
        outer, length, inner = tf.unstack(tf.shape(scores))
        count = tf.shape(limits)[0]
        padded = tf.pad(scores, [[0, 0], [0, count * m - length], [0, 0]], constant_values=-np.inf)
        groups = tf.reshape(padded, [outer, count, m, inner])
        groups = tf.ensure_shape(groups, [None, None, m, None])
        rank = ranks_by_comparison(groups) if m <= _PAIRWISE_LIMIT else ranks_by_sorting(groups)
        chosen = rank < tf.cast(limits[:, None, None], rank.dtype)
        return tf.reshape(chosen, [outer, count * m, inner])[:, :length]

    return tf.function(
        select,
        input_signature=[
            tf.TensorSpec([None, None, None], tf.float32),
            tf.TensorSpec([None], tf.int32),
        ],
        autograph=False,
        experimental_attributes={"_noinline": True},
    )
