"""Whole output channels: structured sparsity that a dense kernel can profit from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.options import choice, one_of
from harness.pruning.errors import PruningError
from harness.pruning.pattern.base import Axes, MisfitError, Pattern, PatternOptions

POOLINGS = ("average", "max")


@choice
@dataclass
class ChannelsOptions(PatternOptions):
    """Whole output channels are zero together, scored by `pooling` of their weights' scores."""

    kind: str = "channels"
    pooling: str = "average"

    def check(self, key: str) -> None:
        """A known pooling."""
        one_of(f"{key}.pooling", self.pooling, POOLINGS)

    def pattern(self) -> Channels:
        """The pattern."""
        return Channels(self.pooling)


class Channels(Pattern):
    r"""Whole filters: an output channel is kept or zeroed with all its weights.

    The score of a channel is the mean of its weights' scores; with `Magnitude` that ranks
    filters by their :math:`\ell_1` norm. Source: Li et al., "Pruning Filters for Efficient
    ConvNets" (https://arxiv.org/abs/1608.08710), section 3.1. The zero channels stay in the
    model; removing them is a separate step.

    Args:
        pooling: "average" or "max" of the scores in a channel.
    """

    def __init__(self, pooling: str = "average") -> None:
        if pooling not in POOLINGS:
            raise PruningError(f"pooling must be 'average' or 'max', received {pooling!r}.")
        self.pooling = pooling

    def __repr__(self) -> str:
        return f"Channels(pooling={self.pooling!r})"

    def fit(self, shape: tuple[int, ...], axes: Axes) -> str:
        """Needs an output axis beside others."""
        if len(shape) < 2:
            raise MisfitError(f"{self} needs a weight of rank 2 or more, received shape {shape}.")
        return ""

    def units(self, shape: tuple[int, ...], axes: Axes) -> int:
        """The number of output channels."""
        return shape[axes[1]]

    def unit_scores(self, scores: Any, axes: Axes) -> Any:
        """One pooled score an output channel."""
        import tensorflow as tf

        others = [axis for axis in range(len(scores.shape)) if axis != axes[1]]
        pool = tf.reduce_mean if self.pooling == "average" else tf.reduce_max
        return pool(scores, axis=others)

    def expand(self, chosen: Any, shape: tuple[int, ...], axes: Axes) -> Any:
        """Each channel's choice for all its weights."""
        import tensorflow as tf

        line = [1] * len(shape)
        line[axes[1]] = shape[axes[1]]
        return tf.broadcast_to(tf.reshape(chosen, line), shape)
