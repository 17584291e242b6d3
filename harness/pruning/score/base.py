"""How much each weight is worth: larger scores are kept.

A score sees a `weight` (see `harness.pruning.state.Weight`): its `value`, its `slots` (one
float32 variable of the weight's shape for each name in `Score.slots`, zero at the start and
part of the pruner's saved state) and its `index` among the pruner's weights. A score that
learns from gradients sets `uses_gradients` and implements `observe`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.options import UNNAMED, Options, Room

SCORES = Room("sparsity/score", "harness.pruning.score")


class Score(ABC):
    """Base of all scores."""

    uses_gradients: bool = False
    slots: tuple[str, ...] = ()
    #: The weights whose scores count: kernels, or those of a name that follow tied channels.
    of: str = "kernel"

    def __repr__(self) -> str:
        values = ", ".join(f"{k}={v!r}" for k, v in vars(self).items())
        return f"{type(self).__name__}({values})"

    @abstractmethod
    def scores(self, weight: Any, step: Any) -> Any:
        """Scores of a weight at a refresh: float32 tensor of the weight's shape, without NaN
        for a weight without NaN.
        """

    def observe(self, weight: Any, gradient: Any) -> None:  # noqa: B027 - an optional hook
        """Takes in a weight's gradient, before every optimizer update.

        Args:
            weight: the weight; its value is that of the forward pass.
            gradient: dense float32 tensor, summed over replicas.
        """


@dataclass
class ScoreOptions(Options):
    """Which weights are worth keeping; `words` is what tables call it, where it is not usual."""

    room: ClassVar[Room] = SCORES
    words: ClassVar[str] = ""
    #: Whether it learns from gradients, so that no mask can be made before the first update.
    needs_gradients: ClassVar[bool] = False
    #: The patterns that it goes with; None: any.
    patterns: ClassVar[tuple[str, ...] | None] = None
    kind: str = UNNAMED

    def check(self, key: str) -> None:
        """Refuses options out of range.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """

    def score(self, seed: int) -> Score:
        """The score; `seed`, in [0, 2**31), is for those that draw."""
        raise NotImplementedError
