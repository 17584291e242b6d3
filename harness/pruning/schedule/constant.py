"""The same sparsity at every refresh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.options import choice
from harness.pruning.schedule.base import Schedule, WindowOptions, check_sparsity, float32


@choice
@dataclass
class ConstantOptions(WindowOptions):
    """The target at every refresh."""

    kind: str = "constant"

    def schedule(self, target: float, total_steps: int) -> Constant:
        """Over a phase of `total_steps` steps."""
        return Constant(target, **self.window(total_steps))


class Constant(Schedule):
    """The same sparsity at every refresh (tfmot's `ConstantSparsity`).

    Args:
        target: sparsity in [0, 1).
        begin_step: first refresh.
        end_step: last refresh, None for the end of training.
        frequency: steps between two refreshes.

    Example:
        >>> Constant(0.5, begin_step=100).updates_at(200)
        True
    """

    def __init__(
        self,
        target: float,
        begin_step: int = 0,
        end_step: int | None = None,
        frequency: int = 100,
    ) -> None:
        self.target = check_sparsity("target", target)
        super().__init__(begin_step, end_step, frequency)

    @property
    def final_sparsity(self) -> float:
        """The target."""
        return self.target

    def sparsity(self, step: Any) -> Any:
        """The target, at any step."""
        return float32(step) * np.float32(0) + np.float32(self.target)
