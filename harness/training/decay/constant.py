"""A learning rate that stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.options import choice
from harness.training.decay.base import DecayOptions
from harness.training.length import Length


@choice
@dataclass
class ConstantDecayOptions(DecayOptions):
    """The rate that the optimizer names, throughout."""

    kind: str = "constant"

    def schedule(self, initial: float, length: Length) -> Any:
        """The rate, or a Keras schedule of rates over the steps of a phase."""
        return initial
