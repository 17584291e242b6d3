"""Half a cosine, https://arxiv.org/abs/1608.03983 without restarts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.options import choice, need
from harness.training.decay.base import DecayOptions
from harness.training.length import Length


@choice
@dataclass
class CosineDecayOptions(DecayOptions):
    """To `alpha` × the initial rate by the phase's end."""

    kind: str = "cosine"
    alpha: float = 0.0

    def check(self, key: str) -> None:
        """A share of the initial rate."""
        need(f"{key}.alpha", self.alpha, 0 <= self.alpha <= 1, "a number in [0, 1]")

    def schedule(self, initial: float, length: Length) -> Any:
        """The rate, or a Keras schedule of rates over the steps of a phase."""
        import keras

        schedules = keras.optimizers.schedules
        return schedules.CosineDecay(initial, length.total_steps, alpha=self.alpha)
