"""One single refresh."""

from __future__ import annotations

from dataclasses import dataclass

from harness.options import choice
from harness.pruning.schedule.base import ScheduleOptions
from harness.pruning.schedule.constant import Constant


@choice
@dataclass
class OneShotOptions(ScheduleOptions):
    """One refresh, at `begin`."""

    kind: str = "one_shot"

    def schedule(self, target: float, total_steps: int) -> OneShot:
        """Over a phase of `total_steps` steps."""
        return OneShot(target, self.step(self.begin, total_steps))


class OneShot(Constant):
    """One single refresh, after which the masks stay.

    Args:
        target: sparsity in [0, 1).
        step: the step of the refresh; 0 prunes before the first update.
    """

    def __init__(self, target: float, step: int = 0) -> None:
        super().__init__(target, step, step, frequency=1)

    def __repr__(self) -> str:
        return f"OneShot(target={self.target}, step={self.begin_step})"
