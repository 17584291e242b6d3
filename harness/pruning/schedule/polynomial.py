"""Polynomial decay of the density: gradual magnitude pruning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.options import choice, need
from harness.pruning.errors import PruningError
from harness.pruning.schedule.base import Ramp, RampOptions


@choice
@dataclass
class PolynomialOptions(RampOptions):
    """From `initial` to the target, fast at first; `power` 3 is gradual magnitude pruning."""

    kind: str = "polynomial"
    power: float = 3.0

    def check(self, key: str, target: float | None) -> None:
        """Refuses options out of range."""
        super().check(key, target)
        need(f"{key}.power", self.power, self.power > 0, "a number above 0")

    def schedule(self, target: float, total_steps: int) -> Polynomial:
        """Over a phase of `total_steps` steps."""
        return Polynomial(self.initial, target, power=self.power, **self.window(total_steps))


class Polynomial(Ramp):
    r"""Polynomial decay of the density, `power` 3 being gradual magnitude pruning.

    .. math:: s_t = s_f + (s_i - s_f)\left(1 - \frac{t - t_0}{t_1 - t_0}\right)^{power}

    Source: Zhu & Gupta, "To prune, or not to prune" (https://arxiv.org/abs/1710.01878),
    equation 1; tfmot's `PolynomialDecay`.

    Args:
        initial: sparsity at `begin_step`, in [0, 1).
        final: sparsity at `end_step`, in [0, 1).
        begin_step: first refresh.
        end_step: last refresh.
        power: exponent, positive.
        frequency: steps between two refreshes.
    """

    def __init__(
        self,
        initial: float,
        final: float,
        begin_step: int,
        end_step: int,
        power: float = 3.0,
        frequency: int = 100,
    ) -> None:
        if (
            isinstance(power, bool)
            or not isinstance(power, int | float)
            or not 0 < power < math.inf
        ):
            raise PruningError(f"power must be a positive number, received {power!r}.")
        self.power = float(power)
        super().__init__(initial, final, begin_step, end_step, frequency)

    def sparsity(self, step: Any) -> Any:
        """The equation above, float32."""
        return np.float32(self.initial - self.final) * self.left(step) ** np.float32(
            self.power
        ) + np.float32(self.final)
