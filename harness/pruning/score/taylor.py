"""What removing a weight would change, to first order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from harness.options import choice, need_share
from harness.pruning.errors import PruningError
from harness.pruning.score.base import Score, ScoreOptions


@choice
@dataclass
class TaylorOptions(ScoreOptions):
    """Weights whose removal would change the loss most are kept."""

    words: ClassVar[str] = "Taylor"
    needs_gradients: ClassVar[bool] = True
    kind: str = "taylor"
    decay: float = 0.9

    def check(self, key: str) -> None:
        """A share of the past."""
        need_share(f"{key}.decay", self.decay)

    def score(self, seed: int) -> Taylor:
        """An average over steps, `decay` of it the past's."""
        return Taylor(self.decay)


class Taylor(Score):
    r"""First-order estimate of the squared change of the loss when a weight is removed.

    .. math:: I_w = \left(g_w\, w\right)^2

    averaged over steps with exponential decay. Source: Molchanov et al., "Importance
    Estimation for Neural Network Pruning" (https://arxiv.org/abs/1906.10771), equation 8.
    Costs one float a weight. Needs gradients, so its first refresh is at step 1 or later. With
    gradient accumulation by Keras' optimizer each part of a batch counts as a step here, whose
    squared gradients are larger than the whole batch's.

    Args:
        decay: weight of the past in the average, in [0, 1); 0 uses the last batch alone.
    """

    uses_gradients = True
    slots = ("taylor",)

    def __init__(self, decay: float = 0.9) -> None:
        if not 0 <= decay < 1:
            raise PruningError(f"decay must be in [0, 1), received {decay!r}.")
        self.decay = float(decay)

    def observe(self, weight: Any, gradient: Any) -> None:
        """Updates the average of (g·w)²."""
        import tensorflow as tf

        slot = weight.slots["taylor"]
        importance = tf.square(gradient * tf.cast(weight.value, tf.float32))
        slot.assign(self.decay * slot + (1 - self.decay) * importance)

    def scores(self, weight: Any, step: Any) -> Any:
        """The average of (g·w)²."""
        return weight.slots["taylor"].read_value()
