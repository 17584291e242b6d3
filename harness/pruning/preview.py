"""Counting what a pruner would keep, before anything is touched."""

from __future__ import annotations

import tensorflow as tf

from harness.pruning.engine import Engine
from harness.pruning.pattern.n_m import NM
from harness.pruning.schedule.frozen import Frozen


def final_counts(engine: Engine) -> list[int]:
    """Weights kept in each of the engine's weights at the schedule's final sparsity.

    An allocation that looks at scores is given today's magnitudes, so its shares are an
    estimate; the total is exact.
    """
    pattern = engine.pattern
    if isinstance(engine.schedule, Frozen):
        return [int(tf.math.count_nonzero(mask)) for mask in engine.choice.by_zeros()]
    if isinstance(pattern, NM):
        return [pattern.kept(weight.shape, weight.axes) for weight in engine.weights]
    masks = engine.choice.by_magnitude(engine.schedule.final_sparsity)
    return [int(tf.math.count_nonzero(mask)) for mask in masks]
