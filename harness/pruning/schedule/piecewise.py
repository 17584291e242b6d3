"""A sparsity for each of several steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np

from harness.errors import ConfigError
from harness.options import choice, need
from harness.pruning.errors import PruningError
from harness.pruning.schedule.base import (
    Schedule,
    ScheduleOptions,
    check_sparsity,
    check_step,
    float32,
    where,
)


@choice
@dataclass
class PiecewiseOptions(ScheduleOptions):
    """A first cut at `begin`, one more at each of the `times`: iterative pruning.

    `shares` are the cuts' sparsities as shares of the target, the last of them 1: one more than
    there are `times`. `[0.5, 1.0]` halves the way to the target.
    """

    last: ClassVar[str] = "times"
    kind: str = "piecewise"
    times: list[float] = field(default_factory=lambda: [0.25])
    shares: list[float] = field(default_factory=lambda: [0.5, 1.0])

    def check(self, key: str, target: float | None) -> None:
        """Refuses times or shares that do not rise, or do not go together."""
        super().check(key, target)
        times, shares = list(self.times), list(self.shares)
        for time in times:
            self._check_time(f"{key}.times", time)
        rise = all(a < b for a, b in zip([self.begin, *times], times, strict=False))
        need(f"{key}.times", times, rise, f"times that rise, after begin={self.begin:g}")
        fit = len(shares) == len(times) + 1 and shares[-1] == 1 and min(shares) >= 0
        fit = fit and all(a <= b for a, b in pairwise(shares))
        accepted = f"{len(times) + 1} shares of the target, from 0 on, that rise to 1"
        need(f"{key}.shares", shares, fit, accepted)

    def rehearsed(self, steps: int) -> Self:
        """A cut a step, however many steps that takes."""
        first = 1 if self.begin else 0
        times: list[float] = [first + 1 + place for place in range(len(self.times))]
        return replace(self, unit="step", begin=first, times=times)

    def schedule(self, target: float, total_steps: int) -> Piecewise:
        """Over a phase of `total_steps` steps.

        Raises:
            ConfigError: two cuts round to one step.
        """
        steps = [self.step(time, total_steps) for time in (self.begin, *self.times)]
        if len(set(steps)) < len(steps):
            raise ConfigError(
                f"sparsity.schedule.times: received {list(self.times)}, with begin={self.begin:g} "
                f"steps {steps} of {total_steps}; accepted: a step of its own for each cut, or a "
                "longer training.finetune"
            )
        return Piecewise(steps, [share * target for share in self.shares])


class Piecewise(Schedule):
    """A sparsity for each of several steps: iterative pruning with rests between the cuts.

    Masks are refreshed at the given steps only, and stay in between.

    Args:
        steps: increasing steps, at least one.
        sparsities: the sparsity from each step on, each in [0, 1).

    Example:
        >>> Piecewise([0, 1000, 2000], [0.5, 0.75, 0.9]).sparsity(1500)
        0.75
    """

    def __init__(self, steps: Sequence[int], sparsities: Sequence[float]) -> None:
        if len(steps) == 0 or len(steps) != len(sparsities):
            raise PruningError(
                "Piecewise needs as many steps as sparsities and at least one, received "
                f"{len(steps)} steps and {len(sparsities)} sparsities."
            )
        checked = tuple(check_step("steps", step, 0) for step in steps)
        if list(checked) != sorted(set(checked)):
            raise PruningError(f"steps must increase, received {list(steps)}.")
        self.steps = checked
        self.sparsities = tuple(check_sparsity("sparsities", s) for s in sparsities)
        super().__init__(checked[0], checked[-1], 1)

    def __repr__(self) -> str:
        return f"Piecewise(steps={self.steps}, sparsities={self.sparsities})"

    @property
    def final_sparsity(self) -> float:
        """The last sparsity."""
        return self.sparsities[-1]

    def updates_at(self, step: Any) -> Any:
        """Whether `step` is one of the steps."""
        found = step == self.steps[0]
        for one in self.steps[1:]:
            found = found | (step == one)
        return found

    def update_steps(self, last: int) -> Iterator[int]:
        """Yields the steps up to and including `last`."""
        yield from (step for step in self.steps if step <= last)

    def last_update(self, last: int) -> int | None:
        """The last of the steps that a training of `last` steps reaches."""
        return max(self.update_steps(last), default=None)

    def sparsity(self, step: Any) -> Any:
        """The sparsity of the latest step passed; before the first step, the first one."""
        value = float32(step) * np.float32(0) + np.float32(self.sparsities[0])
        for one, sparsity in zip(self.steps[1:], self.sparsities[1:], strict=True):
            value = where(step >= one, np.float32(sparsity), value)
        return value
