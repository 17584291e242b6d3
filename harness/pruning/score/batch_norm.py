"""The scale that batch normalization gives a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.options import choice
from harness.pruning.score.base import ScoreOptions
from harness.pruning.score.magnitude import Magnitude


@choice
@dataclass
class BatchNormOptions(ScoreOptions):
    """The channels with the largest scales in batch normalizations are kept."""

    words: ClassVar[str] = "by batch norm"
    patterns: ClassVar[tuple[str, ...] | None] = ("tied_channels",)

    kind: str = "batch_norm"

    def score(self, seed: int) -> BatchNormScale:
        """|gamma|."""
        return BatchNormScale()


class BatchNormScale(Magnitude):
    """|gamma|, for patterns of tied channels.

    Source: Liu et al., "Learning Efficient Convolutional Networks through Network Slimming"
    (https://arxiv.org/abs/1708.06519), which compares the scales of all layers
    (`allocation=Global()`) after training with a penalty on them; without one they tell less.
    """

    of = "gamma"
