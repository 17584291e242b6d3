"""One threshold for all tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.options import choice
from harness.pruning.allocation.base import Allocation, AllocationOptions, settle
from harness.pruning.threshold import keep_largest, kept_count_in_graph


@choice
@dataclass
class GlobalOptions(AllocationOptions):
    """The best weights of the network, wherever they are."""

    kind: str = "global"

    def allocation(self) -> Global:
        """The allocation."""
        return Global()


class Global(Allocation):
    """One threshold for all tensors: the best units of the network, wherever they are.

    A unit counts as one, however large it is: under `Channels`, and `Block` where blocks are cut at
    the edges, the share of units kept is exact and that of weights may differ, as `preview()`
    shows. Needs one float a unit for all tensors at once while masks are refreshed.
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
        return settle()(counts, tf.zeros([len(units)], tf.float64), sizes, total)
