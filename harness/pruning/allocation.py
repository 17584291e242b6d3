"""How a sparsity for the whole network is shared out among its weights.

The budget is the number of units (weights, or blocks) kept in all: that of
`threshold.kept_count` for the total. Every allocation spends it exactly; only where the
budget is smaller than the number of weight tensors does each tensor still keep one unit.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cache
from typing import Any

import numpy as np

from harness.pruning.threshold import keep_largest, kept_count_in_graph


class Allocation(ABC):
    """Base of all allocations."""

    #: Whether `kept` needs the scores, or only the sizes.
    uses_scores: bool = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @abstractmethod
    def kept(
        self,
        units: list[int],
        shapes: list[tuple[int, ...]],
        sparsity: Any,
        scores: list[Any] | None,
    ) -> Any:
        """Units kept in each weight.

        Args:
            units: units of each weight.
            shapes: shape of each weight.
            sparsity: of all units together; float32 scalar tensor.
            scores: 1-D scores of each weight's units if `uses_scores`, else None.

        Returns:
            int64 tensor, one count a weight, each at least 1.
        """


class Uniform(Allocation):
    """The same sparsity in every weight tensor (as tfmot).

    Each keeps `kept_count(units, sparsity)`; where the rounded counts do not add up to the
    budget, those that rounding moved furthest take one more or one less.
    """

    def kept(self, units: Any, shapes: Any, sparsity: Any, scores: Any) -> Any:
        """Counts by the rule above."""
        import tensorflow as tf

        sizes = np.asarray(units, np.int64)
        rounded = kept_count_in_graph(sizes, sparsity)
        if len(units) == 1:
            return rounded
        exact = sizes.astype(np.float64) * tf.cast(1.0 - tf.cast(sparsity, tf.float32), tf.float64)
        return _settle()(rounded, exact, sizes, kept_count_in_graph(sizes.sum(), sparsity))


class ERK(Allocation):
    r"""Erdős–Rényi-Kernel: large tensors sparser, small ones denser.

    Tensor :math:`l` has a density proportional to
    :math:`\sum_d n_l^d / \prod_d n_l^d` over its dimensions d, at most 1. Source: Evci et
    al., "Rigging the Lottery" (https://arxiv.org/abs/1911.11134), section 3.
    """

    def kept(self, units: Any, shapes: Any, sparsity: Any, scores: Any) -> Any:
        """Counts by the rule above, the common factor solved for the exact budget."""
        import tensorflow as tf

        sizes = np.asarray(units, np.int64)
        raw = np.array([sum(shape) / math.prod(shape) for shape in shapes], np.float64)
        total = kept_count_in_graph(sizes.sum(), sparsity)
        # With the j densest tensors full, the others share the rest: factor_j. The first j
        # whose factor leaves the next tensor at or under density 1 is the solution.
        order = np.argsort(-raw, kind="stable")
        full = np.concatenate([[0], np.cumsum(sizes[order])])[:-1].astype(np.float64)
        weight = np.cumsum((sizes * raw)[order][::-1])[::-1].copy()
        factors = (tf.cast(total, tf.float64) - full) / weight
        fits = factors * raw[order] <= 1.0 + 1e-12
        last = len(sizes) - 1
        solution = tf.where(tf.reduce_any(fits), tf.argmax(tf.cast(fits, tf.int8)), last)
        exact = sizes * tf.clip_by_value(tf.gather(factors, solution) * raw, 0.0, 1.0)
        floor = tf.maximum(tf.cast(tf.floor(exact), tf.int64), np.int64(1))
        return _settle()(floor, exact, sizes, total)


class Global(Allocation):
    """One threshold for all tensors: the best units of the network, wherever they are.

    Needs one float a unit for all tensors at once while masks are refreshed.
    """

    uses_scores = True

    def kept(self, units: Any, shapes: Any, sparsity: Any, scores: Any) -> Any:
        """Counts of the network's best units in each tensor; ties go to earlier tensors."""
        import tensorflow as tf

        sizes = np.asarray(units, np.int64)
        total = kept_count_in_graph(sizes.sum(), sparsity)
        chosen = tf.split(keep_largest(tf.concat(scores, axis=0), total), sizes)
        counts = tf.stack([tf.math.count_nonzero(one) for one in chosen])
        # A tensor without any weight would cut the network in two: keep its best unit, and
        # take it from the tensor that has most.
        return _settle()(counts, tf.zeros([len(units)], tf.float64), sizes, total)


@cache
def _settle() -> Any:
    """Moves counts by as little as possible until they add up, traced once."""
    import tensorflow as tf

    def settle(counts: Any, exact: Any, sizes: Any, total: Any) -> Any:
        """Adds to (or takes from) the counts furthest below (above) `exact`, one each a round."""
        total = tf.clip_by_value(total, tf.size(sizes, tf.int64), tf.reduce_sum(sizes))
        counts = tf.clip_by_value(counts, np.int64(1), sizes)

        def missing(counts: Any) -> Any:
            return total - tf.reduce_sum(counts)

        def one_round(counts: Any) -> Any:
            sign = tf.sign(missing(counts))
            movable = tf.where(sign > 0, counts < sizes, counts > 1)
            error = (exact - tf.cast(counts, tf.float64)) * tf.cast(sign, tf.float64)
            order = tf.argsort(tf.where(movable, -error, np.float64(np.inf)), stable=True)
            place = tf.cast(tf.argsort(order), tf.int64)  # XLA has no scatter of unknown length
            movers = tf.minimum(tf.abs(missing(counts)), tf.math.count_nonzero(movable))
            return counts + tf.where(place < movers, sign, np.int64(0))

        return tf.while_loop(
            lambda counts: tf.not_equal(missing(counts), 0),
            lambda counts: (one_round(counts),),
            (counts,),
            # Rounding moves few counts by one; only sparsities near 1 need more rounds.
            maximum_iterations=10_000,
        )[0]

    vector = [None]
    return tf.function(
        settle,
        input_signature=[
            tf.TensorSpec(vector, tf.int64),
            tf.TensorSpec(vector, tf.float64),
            tf.TensorSpec(vector, tf.int64),
            tf.TensorSpec([], tf.int64),
        ],
        autograph=False,
        experimental_attributes={"_noinline": True},
    )
