"""The same sparsity in every weight tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.options import choice
from harness.pruning.allocation.base import Allocation, AllocationOptions, settle
from harness.pruning.threshold import kept_count_in_graph


@choice
@dataclass
class UniformOptions(AllocationOptions):
    """The same sparsity in every weight tensor."""

    kind: str = "uniform"

    def allocation(self) -> Uniform:
        """The allocation."""
        return Uniform()


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
        return settle()(rounded, exact, sizes, kept_count_in_graph(sizes.sum(), sparsity))
