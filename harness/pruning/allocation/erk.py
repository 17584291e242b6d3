"""Erdős–Rényi-Kernel: large tensors sparser, small ones denser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.options import choice
from harness.pruning.allocation.base import Allocation, AllocationOptions, settle
from harness.pruning.threshold import kept_count_in_graph


@choice
@dataclass
class ERKOptions(AllocationOptions):
    """Large tensors sparser, small ones denser."""

    kind: str = "erk"

    def allocation(self) -> ERK:
        """The allocation."""
        return ERK()


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
        return settle()(floor, exact, sizes, total)
