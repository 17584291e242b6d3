"""Half a cosine: slow at both ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.options import choice
from harness.pruning.schedule.base import Ramp, RampOptions, cos


@choice
@dataclass
class CosineOptions(RampOptions):
    """From `initial` to the target, slow at both ends."""

    kind: str = "cosine"

    def schedule(self, target: float, total_steps: int) -> Cosine:
        """Over a phase of `total_steps` steps."""
        return Cosine(self.initial, target, **self.window(total_steps))


class Cosine(Ramp):
    r"""Half a cosine from `initial` to `final`: slow at both ends.

    .. math:: s_t = s_f + \frac{s_i - s_f}{2}\left(1 + \cos\pi\frac{t - t_0}{t_1 - t_0}\right)

    Args:
        initial: sparsity at `begin_step`, in [0, 1).
        final: sparsity at `end_step`, in [0, 1).
        begin_step: first refresh.
        end_step: last refresh.
        frequency: steps between two refreshes.
    """

    def sparsity(self, step: Any) -> Any:
        """The equation above, float32."""
        # cos(pi (1 - left)) = -cos(pi left): the ends are then exact in float32.
        wave = np.float32(0.5) * (np.float32(1) - cos(np.float32(np.pi) * self.left(step)))
        return np.float32(self.initial - self.final) * wave + np.float32(self.final)
