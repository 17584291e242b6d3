"""A learning rate that falls by a factor every so often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.options import choice, need
from harness.training.decay.base import DecayOptions
from harness.training.length import Length


@choice
@dataclass
class ExponentialDecayOptions(DecayOptions):
    """Times `rate` every `every` epochs."""

    kind: str = "exponential"
    rate: float = 0.94
    every: float = 1.0

    def check(self, key: str) -> None:
        """A factor that shrinks, and a time between two."""
        need(f"{key}.rate", self.rate, 0 < self.rate <= 1, "a number in (0, 1]")
        need(f"{key}.every", self.every, self.every > 0, "a number of epochs above 0")

    def schedule(self, initial: float, length: Length) -> Any:
        """The rate, or a Keras schedule of rates over the steps of a phase."""
        import keras

        every = max(1, round(self.every * length.steps_per_epoch))
        schedules = keras.optimizers.schedules
        return schedules.ExponentialDecay(initial, every, self.rate, staircase=True)
