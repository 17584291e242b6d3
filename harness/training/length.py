"""How long a phase of a recipe is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Length:
    """How long a phase is: optimizer steps in all, and in one pass over the data."""

    total_steps: int
    steps_per_epoch: int
