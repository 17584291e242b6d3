"""The absolute value of a weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.options import choice
from harness.pruning.score.base import Score, ScoreOptions


@choice
@dataclass
class MagnitudeOptions(ScoreOptions):
    """The largest weights are kept."""

    kind: str = "magnitude"

    def score(self, seed: int) -> Magnitude:
        """|w|."""
        return Magnitude()


class Magnitude(Score):
    """The absolute value |w|."""

    def scores(self, weight: Any, step: Any) -> Any:
        """|w| in float32."""
        import tensorflow as tf

        return tf.abs(tf.cast(weight.value, tf.float32))
