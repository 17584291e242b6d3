"""How a sparsity for the whole network is shared out among its weights.

The budget is the number of units (weights, or blocks) kept in all: that of
`threshold.kept_count` for the total. Every allocation spends it exactly; only where the
budget is smaller than the number of weight tensors does each tensor still keep one unit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from harness.options import UNNAMED, Options, Room

ALLOCATIONS = Room("sparsity/allocation", "harness.pruning.allocation")


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


@cache
def settle() -> Any:
    """Moves counts by as little as possible until they add up, traced once."""
    import tensorflow as tf

    def moved(counts: Any, exact: Any, sizes: Any, total: Any) -> Any:
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
        moved,
        input_signature=[
            tf.TensorSpec(vector, tf.int64),
            tf.TensorSpec(vector, tf.float64),
            tf.TensorSpec(vector, tf.int64),
            tf.TensorSpec([], tf.int64),
        ],
        autograph=False,
        experimental_attributes={"_noinline": True},
    )


@dataclass
class AllocationOptions(Options):
    """How the network's sparsity is shared out among its weight tensors."""

    room: ClassVar[Room] = ALLOCATIONS
    kind: str = UNNAMED

    def allocation(self) -> Allocation:
        """The allocation."""
        raise NotImplementedError
