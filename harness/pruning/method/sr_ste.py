r"""SR-STE: learning N:M networks from scratch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.options import choice, need
from harness.pruning.errors import PruningError
from harness.pruning.method.base import MethodOptions
from harness.pruning.method.straight_through import StraightThrough


@choice
@dataclass
class SRSTEOptions(MethodOptions):
    """Straight-through, and weights off the mask fade by `decay` a step."""

    words: ClassVar[str] = "SR-STE"
    schedules: ClassVar[tuple[str, ...] | None] = ("constant", "cosine", "polynomial")
    kind: str = "sr_ste"
    decay: float = 2e-4

    def check(self, key: str, sparsity: Any, start: str) -> None:
        """Fading has a direction."""
        super().check(key, sparsity, start)
        need(f"{key}.decay", self.decay, self.decay >= 0, "0 or more")

    def method(self, last_step: int) -> SRSTE:
        """The method."""
        return SRSTE(self.decay)


class SRSTE(StraightThrough):
    r"""Sparse-refined straight-through estimator.

    .. math:: W_{t+1} = W_t - \gamma\left(g(m_t \odot W_t) + \lambda\,(1 - m_t) \odot W_t\right)

    Straight-through training lets masks flip back and forth; the added term decays exactly
    the weights off the mask, so that masks settle. Source: Zhou et al., "Learning N:M
    Fine-grained Structured Sparse Neural Networks From Scratch"
    (https://arxiv.org/abs/2102.04010). Works with any pattern.

    Args:
        decay: λ, not negative; 0 is plain straight-through. The paper's default is 2e-4.

    Example:
        >>> Pruner(NM(2, 4), Constant(0.5, frequency=1), method=SRSTE())
    """

    def __init__(self, decay: float = 2e-4) -> None:
        if isinstance(decay, bool) or not 0 <= decay < math.inf:
            raise PruningError(f"decay must be a number of at least 0, received {decay!r}.")
        super().__init__()
        self.decay = float(decay)

    def transform(self, weight: Any, gradient: Any) -> Any:
        """The gradient plus λ times the dense weights off the mask."""
        # `restore` ran before: the variable holds the dense weights now.
        value = weight.value
        pruned = value - weight.masked(value)
        return gradient + self.decay * weight.cast(pruned)
