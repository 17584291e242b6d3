"""Which weights may be zero together: single ones, N of every M, or blocks.

A pattern turns scores into a mask. It splits a weight into units (a weight, a block), gives
each unit a score, and spreads the choice of units back over the weight.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cache
from typing import Any

import numpy as np

from harness.pruning.errors import PruningError
from harness.pruning.threshold import TIES, keep_largest, kept_count, kept_count_in_graph

Axes = tuple[int, int]
_PAIRWISE_LIMIT = 8  # above this group size, sorting each group is cheaper than M²/2 compares


class MisfitError(PruningError):
    """A pattern cannot be laid over a shape; scopes skip such a weight and report why."""


def _default_axes(rank: int) -> Axes:
    return (max(rank - 2, 0), rank - 1)


class Pattern(ABC):
    """Base of all patterns."""

    #: Sparsity that the pattern itself dictates, None where the schedule decides.
    fixed_sparsity: float | None = None
    #: Sparsity that the pattern ends at, in every weight alike: the schedule has to end there,
    #: and there is nothing to allocate. None where any will do.
    final_sparsity: float | None = None
    ties: str = "index"

    def level(self, sparsity: Any) -> Any:
        """What `keep` gets as `kept` at a sparsity, for a pattern with a `final_sparsity`."""
        return None

    @abstractmethod
    def units(self, shape: tuple[int, ...], axes: Axes) -> int:
        """How many units a weight of this shape has."""

    @abstractmethod
    def unit_scores(self, scores: Any, axes: Axes) -> Any:
        """Scores of a weight's units: float32 tensor of the weight's shape to 1-D tensor."""

    @abstractmethod
    def expand(self, chosen: Any, shape: tuple[int, ...], axes: Axes) -> Any:
        """Mask of a weight from its chosen units: 1-D bool tensor to the weight's shape."""

    def fit(self, shape: tuple[int, ...], axes: Axes) -> str:
        """Checks the pattern against a shape.

        Returns:
            "" where it fits, else what is done about it (such as padding).

        Raises:
            MisfitError: the pattern cannot be used on this shape.
        """
        return ""

    def keep(self, scores: Any, kept: Any, axes: Axes) -> Any:
        """Mask with the `kept` best units, for a float32 tensor of scores."""
        chosen = keep_largest(self.unit_scores(scores, axes), kept, self.ties)
        return self.expand(chosen, tuple(scores.shape), axes)

    def mask(self, scores: Any, sparsity: Any, axes: Axes | None = None) -> Any:
        """Mask that keeps the highest scores at a sparsity.

        Args:
            scores: float array or tensor of any rank, without NaN (which a traced graph does
                not check); larger is kept.
            sparsity: share of units that become zero, in [0, 1]. May be None for a pattern
                that dictates its sparsity.
            axes: (input-channel axis, output-channel axis); by default the last but one and
                the last, as in Dense and convolution kernels.

        Returns:
            bool, True where the weight is kept, same shape; NumPy for NumPy, tensor for tensor.

        Raises:
            PruningError: NaN scores, a sparsity outside [0, 1] or a shape that does not fit.
        """
        import tensorflow as tf

        numpy_in = not tf.is_tensor(scores)
        if numpy_in:
            scores = np.asarray(scores, np.float32)
        tensor = tf.cast(scores, tf.float32)
        if not tf.is_symbolic_tensor(tensor) and bool(tf.reduce_any(tf.math.is_nan(tensor))):
            raise PruningError("scores contain NaN, so no order among them exists.")
        shape = tuple(tensor.shape)
        rank = len(shape)
        axes = _default_axes(rank) if axes is None else (axes[0] % rank, axes[1] % rank)
        self.fit(shape, axes)
        result = self.keep(tensor, self._kept(shape, axes, sparsity), axes)
        return result.numpy() if numpy_in else result

    def _kept(self, shape: tuple[int, ...], axes: Axes, sparsity: Any) -> Any:
        import tensorflow as tf

        units = self.units(shape, axes)
        if tf.is_tensor(sparsity):
            return kept_count_in_graph(units, sparsity)
        if sparsity is None or not 0 <= sparsity <= 1:
            raise PruningError(f"sparsity must be in [0, 1], received {sparsity!r}.")
        return int(kept_count(units, sparsity))


class Unstructured(Pattern):
    """Any weight may be zero.

    Args:
        ties: "index" keeps exactly the counted number, lower index first among equals;
            "keep" keeps every weight equal to the threshold, as tfmot does (there, a
            constant kernel stays dense at any sparsity).
    """

    def __init__(self, ties: str = "index") -> None:
        if ties not in TIES:
            raise PruningError(f"ties must be one of {TIES}, received {ties!r}.")
        self.ties = ties

    def __repr__(self) -> str:
        return "Unstructured()" if self.ties == "index" else f"Unstructured(ties={self.ties!r})"

    def units(self, shape: tuple[int, ...], axes: Axes) -> int:
        """Every weight is a unit."""
        return math.prod(shape)

    def unit_scores(self, scores: Any, axes: Axes) -> Any:
        """The scores, flattened."""
        import tensorflow as tf

        return tf.reshape(scores, [-1])

    def expand(self, chosen: Any, shape: tuple[int, ...], axes: Axes) -> Any:
        """The choice, reshaped."""
        import tensorflow as tf

        return tf.reshape(chosen, shape)


class Block(Pattern):
    """Blocks of weights are kept or zeroed whole.

    Blocks tile the (input channel, output channel) plane from its origin; a kernel of higher
    rank has one such plane for each remaining index (each position of a convolution). Blocks
    at the far edges may be cut short; the pooled score of a cut block covers only the weights
    that exist. tfmot 0.8.1 instead pads both sides when it scores but cuts from the origin
    when it prunes, so that for shapes that blocks do not divide it zeroes other weights than
    those it judged; and it takes rank 2 only.

    Args:
        shape: (input channels, output channels) of a block.
        pooling: "average" or "max" of the scores in a block.
    """

    def __init__(self, shape: tuple[int, int] = (4, 1), pooling: str = "average") -> None:
        good = isinstance(shape, tuple | list) and len(shape) == 2
        if not good or not all(isinstance(d, int | np.integer) and d >= 1 for d in shape):
            raise PruningError(
                f"a block shape is two positive ints (input, output), received {shape!r}."
            )
        if pooling not in ("average", "max"):
            raise PruningError(f"pooling must be 'average' or 'max', received {pooling!r}.")
        self.shape = (int(shape[0]), int(shape[1]))
        self.pooling = pooling

    def __repr__(self) -> str:
        return f"Block({self.shape}, pooling={self.pooling!r})"

    def fit(self, shape: tuple[int, ...], axes: Axes) -> str:
        """Needs two different axes; cut blocks are reported."""
        if len(shape) < 2 or axes[0] == axes[1]:
            raise MisfitError(f"{self} needs a weight of rank 2 or more, received shape {shape}.")
        sides = tuple(shape[axis] for axis in axes)
        if any(side % block for side, block in zip(sides, self.shape, strict=True)):
            return f"blocks at the edge are cut: {self.shape} does not divide {sides}"
        return ""

    def _grid(self, shape: tuple[int, ...], axes: Axes) -> tuple[list[int], int, int, int]:
        """Permutation to [rest…, input, output], number of planes, rows and columns of blocks."""
        rest = [axis for axis in range(len(shape)) if axis not in axes]
        planes = math.prod(shape[axis] for axis in rest)
        rows, columns = (-(-shape[a] // b) for a, b in zip(axes, self.shape, strict=True))
        return [*rest, *axes], planes, rows, columns

    def units(self, shape: tuple[int, ...], axes: Axes) -> int:
        """The number of blocks, cut ones included."""
        _, planes, rows, columns = self._grid(shape, axes)
        return planes * rows * columns

    def unit_scores(self, scores: Any, axes: Axes) -> Any:
        """Pooled scores, planes first, then rows and columns of blocks."""
        import tensorflow as tf

        shape = tuple(scores.shape)
        permutation, planes, rows, columns = self._grid(shape, axes)
        (height, width), (n_in, n_out) = self.shape, (shape[axes[0]], shape[axes[1]])
        plane = tf.reshape(tf.transpose(scores, permutation), [planes, n_in, n_out])
        margin = [[0, 0], [0, rows * height - n_in], [0, columns * width - n_out]]
        filler = 0.0 if self.pooling == "average" else -math.inf
        tiles = tf.reshape(
            tf.pad(plane, margin, constant_values=filler), [planes, rows, height, columns, width]
        )
        if self.pooling == "max":
            return tf.reshape(tf.reduce_max(tiles, axis=[2, 4]), [-1])
        # Rows first, then columns: the order of rounding that tfmot's pooling has.
        present = np.minimum(n_in - np.arange(rows) * height, height).astype(np.float32)
        across = np.minimum(n_out - np.arange(columns) * width, width).astype(np.float32)
        down = tf.reduce_sum(tiles, axis=2) / present[:, None, None]
        return tf.reshape(tf.reduce_sum(down, axis=3) / across, [-1])

    def expand(self, chosen: Any, shape: tuple[int, ...], axes: Axes) -> Any:
        """Each block's choice, repeated over its weights."""
        import tensorflow as tf

        permutation, planes, rows, columns = self._grid(shape, axes)
        height, width = self.shape
        tiles = tf.broadcast_to(
            tf.reshape(chosen, [planes, rows, 1, columns, 1]),
            [planes, rows, height, columns, width],
        )
        plane = tf.reshape(tiles, [planes, rows * height, columns * width])
        plane = plane[:, : shape[axes[0]], : shape[axes[1]]]
        moved = tf.reshape(plane, [shape[axis] for axis in permutation])
        return tf.transpose(moved, np.argsort(permutation))


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
        axes = _default_axes(array.ndim) if axes is None else axes
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
