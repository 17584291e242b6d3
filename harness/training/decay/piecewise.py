"""A learning rate in steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.options import choice, need
from harness.training.decay.base import DecayOptions
from harness.training.length import Length


@choice
@dataclass
class PiecewiseDecayOptions(DecayOptions):
    """The initial rate × `factors[i]` from step `boundaries[i]` on (not cumulative)."""

    kind: str = "piecewise"
    boundaries: list[int] = field(default_factory=list)
    factors: list[float] = field(default_factory=list)

    def check(self, key: str) -> None:
        """Steps that rise, a factor for each."""
        steps, factors = list(self.boundaries), list(self.factors)
        ascending = all(a < b for a, b in zip([0, *steps], steps, strict=False))
        need(f"{key}.boundaries", steps, bool(steps) and ascending, "ascending steps above 0")
        same = len(factors) == len(steps) and all(factor > 0 for factor in factors)
        need(f"{key}.factors", factors, same, "a factor above 0 for each boundary")

    def schedule(self, initial: float, length: Length) -> Any:
        """The rate, or a Keras schedule of rates over the steps of a phase."""
        import keras

        # Keras moves on after a boundary; ours names the first step of the new rate.
        steps = [step - 1 for step in self.boundaries]
        rates = [initial, *(initial * factor for factor in self.factors)]
        return keras.optimizers.schedules.PiecewiseConstantDecay(steps, rates)
