r"""Movement pruning: keep the weights that training moves away from zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from harness.options import choice
from harness.pruning.score.base import Score, ScoreOptions


@choice
@dataclass
class MovementOptions(ScoreOptions):
    """Weights that training moves away from zero are kept."""

    words: ClassVar[str] = "movement"
    needs_gradients: ClassVar[bool] = True
    kind: str = "movement"

    def score(self, seed: int) -> Movement:
        """-g·w, summed."""
        return Movement()


class Movement(Score):
    r"""How far training has moved each weight away from zero.

    .. math:: S_t = -\sum_{i < t} \frac{\partial L}{\partial W}(i) \odot W(i)

    A weight that grows in magnitude gains score, one that shrinks loses it, however large it
    is: the criterion for fine-tuning a pretrained network. Source: Sanh et al., "Movement
    Pruning: Adaptive Sparsity by Fine-Tuning" (https://arxiv.org/abs/2005.07683); their
    factor α_S scales all scores alike and is left out.

    In the paper pruned weights keep their value, so that their scores go on moving and they
    may return: that is `method=StraightThrough(update_pruned=False)`, where momentum and decay
    still move them. With plain pruning they are zero, and so are their further contributions.
    Costs one float32 a weight. Needs gradients, so its first refresh is at step 1 or later.

    Example:
        >>> Pruner(Unstructured(), Polynomial(0.0, 0.9, 1, 4000), score=Movement(),
        ...        allocation=Global(), method=StraightThrough(update_pruned=False))
    """

    uses_gradients = True
    slots = ("movement",)

    def observe(self, weight: Any, gradient: Any) -> None:
        """Adds -g·w of this batch."""
        weight.slots["movement"].assign_sub(gradient * weight.cast(weight.value))

    def scores(self, weight: Any, step: Any) -> Any:
        """The sum so far."""
        return weight.slots["movement"].read_value()
