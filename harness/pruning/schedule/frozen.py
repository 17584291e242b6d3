"""Masks that never change."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.pruning.schedule.base import Schedule, float32


class Frozen(Schedule):
    """Never refresh: the masks are the non-zero weights found when the pruner attaches.

    For fine-tuning a network that is already sparse (fine-tuning with frozen masks).
    """

    def __init__(self) -> None:
        super().__init__(0, None, 1)

    def __repr__(self) -> str:
        return "Frozen()"

    @property
    def final_sparsity(self) -> float:
        """NaN: whatever the weights have."""
        return math.nan

    def sparsity(self, step: Any) -> Any:
        """NaN: whatever the weights have."""
        return float32(step) * np.float32(0) + np.float32(math.nan)

    def updates_at(self, step: Any) -> Any:
        """Never."""
        return step != step

    def update_steps(self, last: int) -> Iterator[int]:
        """Yields nothing."""
        yield from ()

    def last_update(self, last: int) -> int | None:
        """None."""
        return None
