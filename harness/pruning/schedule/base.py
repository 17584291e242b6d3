"""When masks are refreshed, and how sparse they are then.

A schedule is two functions of the step: `updates_at(step)` says whether the masks are
refreshed once `step` optimizer updates are done, `sparsity(step)` how sparse the refreshed
masks are. Step 0 is the moment before the first update. Both take a Python int, a NumPy
array or a TensorFlow tensor, so the same object is planned with in Python and run in the
graph. This module needs NumPy only.

The decision to refresh is that of tfmot 0.8.1 (`pruning_schedule.py`,
https://github.com/tensorflow/model-optimization) with one trap removed: a last refresh at
`end_step` always happens, also when `frequency` does not divide `end_step - begin_step`,
so a schedule always ends at its final sparsity.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from harness.errors import ConfigError
from harness.options import UNNAMED, Options, Room, need, one_of
from harness.pruning.errors import PruningError

SCHEDULES = Room("sparsity/schedule", "harness.pruning.schedule")
UNITS = ("fraction", "step")
FOREVER = np.iinfo(np.int64).max


def _is_tensor(step: Any) -> bool:
    # A step can only be a tensor if TensorFlow is already imported: never import it here.
    tf = sys.modules.get("tensorflow")
    return tf is not None and (tf.is_tensor(step) or isinstance(step, tf.Variable))


def float32(step: Any) -> Any:
    """A step, or an array or a tensor of steps, in float32."""
    if _is_tensor(step):
        return sys.modules["tensorflow"].cast(step, "float32")
    return np.asarray(step, np.float32)


def clip01(value: Any) -> Any:
    """A float32 value held in [0, 1]."""
    if _is_tensor(value):
        return sys.modules["tensorflow"].clip_by_value(value, 0.0, 1.0)
    return np.clip(value, np.float32(0), np.float32(1))


def cos(value: Any) -> Any:
    """The cosine of a number, an array or a tensor."""
    return sys.modules["tensorflow"].cos(value) if _is_tensor(value) else np.cos(value)


def where(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where the condition holds, else `no`."""
    if _is_tensor(condition):
        return sys.modules["tensorflow"].where(condition, yes, no)
    return np.where(condition, yes, no)


def check_sparsity(name: str, value: Any) -> float:
    """Refuses what is no number in [0, 1).

    Raises:
        PruningError: naming the argument and the value.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise PruningError(f"{name} must be a number in [0, 1), received {value!r}.")
    if not 0.0 <= float(value) < 1.0:  # also refuses NaN
        raise PruningError(
            f"{name} must be in [0, 1), received {value!r}; 0.9 makes 9 of 10 weights zero."
        )
    return float(value)


def check_step(name: str, value: Any, least: int) -> int:
    """Refuses what is no whole number of steps, `least` or more.

    Raises:
        PruningError: naming the argument and the value.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise PruningError(f"{name} must be a whole number of steps, received {value!r}.")
    if value < least:
        raise PruningError(f"{name} must be at least {least}, received {value!r}.")
    return int(value)


#: What arguments are called in tfmot -> and here.
_TFMOT = {
    "initial_sparsity": "initial",
    "final_sparsity": "final",
    "target_sparsity": "target",
}


class Schedule(ABC):
    """Base of all schedules: a window of steps, and a sparsity for each step in it.

    Args:
        begin_step: first step at which masks are refreshed.
        end_step: last step at which masks are refreshed; a refresh there always happens.
            None refreshes until training ends.
        frequency: steps between two refreshes.
    """

    def __new__(cls, *_: Any, **named: Any) -> Self:
        """Answers the names that tfmot's schedules give their arguments."""
        for name in named:
            if name in _TFMOT:
                raise PruningError(f"{cls.__name__} has no {name}; write {_TFMOT[name]}=…")
        return super().__new__(cls)

    def __init__(self, begin_step: int, end_step: int | None, frequency: int) -> None:
        if end_step == -1:
            raise PruningError(
                "end_step must not come before begin_step, received -1, tfmot's sign for a "
                "schedule without an end; write end_step=None."
            )
        self.begin_step = check_step("begin_step", begin_step, 0)
        self.frequency = check_step("frequency", frequency, 1)
        self.end_step = None if end_step is None else check_step("end_step", end_step, 0)
        if self.last_step < self.begin_step:
            raise PruningError(
                "end_step must not come before begin_step, received "
                f"begin_step={begin_step}, end_step={end_step}."
            )

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({values})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).items()))

    @property
    def last_step(self) -> int:
        """`end_step`, or the largest int64 if the schedule has no end."""
        return FOREVER if self.end_step is None else self.end_step

    @property
    @abstractmethod
    def final_sparsity(self) -> float:
        """Sparsity of the masks once the schedule has run to its end."""

    @abstractmethod
    def sparsity(self, step: Any) -> Any:
        """Sparsity of masks refreshed at `step`, float32, in the shape of `step`."""

    def updates_at(self, step: Any) -> Any:
        """Whether masks are refreshed at `step`: bool, in the shape of `step`."""
        on_grid = (step - self.begin_step) % self.frequency == 0
        inside = (step >= self.begin_step) & (step <= self.last_step)
        return inside & (on_grid | (step == self.last_step))

    def update_steps(self, last: int) -> Iterator[int]:
        """Yields the steps up to and including `last` at which masks are refreshed."""
        stop = min(last, self.last_step)
        yield from range(self.begin_step, stop + 1, self.frequency)
        if stop == self.last_step and (stop - self.begin_step) % self.frequency:
            yield stop

    def last_update(self, last: int) -> int | None:
        """The last refresh that happens in a training of `last` steps, None if there is none."""
        if last < self.begin_step:
            return None
        if last >= self.last_step:
            return self.last_step
        return last - (last - self.begin_step) % self.frequency


class Ramp(Schedule):
    """A sparsity that moves from `initial` to `final` between two steps."""

    def __init__(
        self,
        initial: float,
        final: float,
        begin_step: int,
        end_step: int,
        frequency: int = 100,
    ) -> None:
        self.initial = check_sparsity("initial", initial)
        self.final = check_sparsity("final", final)
        check_step("end_step", end_step, 0)  # a ramp without an end has no slope
        super().__init__(begin_step, end_step, frequency)

    @property
    def final_sparsity(self) -> float:
        """The sparsity at `end_step` and after."""
        return self.final

    def left(self, step: Any) -> Any:
        """Share of the ramp still ahead: 1 at `begin_step`, 0 at `end_step`, float32."""
        length = self.last_step - self.begin_step
        if length == 0:  # tfmot divides by zero here; a ramp of no length is already at its end
            return float32(step) * np.float32(0)
        return np.float32(1) - clip01(
            # Whole numbers first: float32 does not tell large steps apart.
            float32(step - self.begin_step) / np.float32(length)
        )


# Options -----------------------------------------------------------------------------


@dataclass
class ScheduleOptions(Options):
    """When masks are refreshed, and to which sparsity.

    `begin` (and where a schedule has it, `end`) are in `unit`: fractions of the fine-tuning
    steps, or steps; `frequency` is always in steps.
    """

    room: ClassVar[Room] = SCHEDULES
    #: The option that tells its last refresh.
    last: ClassVar[str] = "begin"
    kind: str = UNNAMED
    unit: str = "fraction"
    begin: float = 0.0

    def check(self, key: str, target: float | None) -> None:
        """Refuses options out of range.

        Args:
            key: where they stand in the config.
            target: the sparsity that the schedule ends at; None where the pattern dictates it.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """
        one_of(f"{key}.unit", self.unit, UNITS)
        self._check_time(f"{key}.begin", self.begin)

    def schedule(self, target: float, total_steps: int) -> Schedule:
        """The schedule over a phase of `total_steps` steps."""
        raise NotImplementedError

    def rehearsed(self, steps: int) -> Self:
        """The same laid over a few steps, in steps: what comes after the start stays after it."""
        times = {name: getattr(self, name) for name in ("begin", self.last)}
        whole = 1.0 if self.unit == "fraction" else max(times.values()) or 1.0
        moved: dict[str, Any] = {
            name: max(1, round(steps * time / whole)) if time else 0 for name, time in times.items()
        }
        return replace(self, unit="step", **moved)

    def step(self, time: float, total_steps: int) -> int:
        """A time of this schedule's unit in steps."""
        return round(time * (total_steps if self.unit == "fraction" else 1))

    def _check_time(self, key: str, time: float) -> None:
        need(key, time, time >= 0, "0 or more")
        if self.unit == "fraction":
            need(key, time, time <= 1, "0 to 1 with unit=fraction (for steps: schedule.unit=step)")
        else:
            need(key, time, float(time).is_integer(), "a whole number of steps with unit=step")


@dataclass
class WindowOptions(ScheduleOptions):
    """Refreshes from `begin` to `end`, every `frequency` steps."""

    last: ClassVar[str] = "end"
    end: float = 0.5
    frequency: int = 100

    def check(self, key: str, target: float | None) -> None:
        """Refuses options out of range, and a window that ends before it begins."""
        super().check(key, target)
        self._check_time(f"{key}.end", self.end)
        need(f"{key}.frequency", self.frequency, self.frequency >= 1, "1 or more steps")
        if self.end < self.begin:
            raise ConfigError(
                f"{key}.end: received {self.end:g}, before begin={self.begin:g}; accepted: at or "
                "after begin"
            )

    def window(self, total_steps: int) -> dict[str, int]:
        """The schedule's arguments for a phase of `total_steps` steps."""
        return {
            "begin_step": self.step(self.begin, total_steps),
            "end_step": self.step(self.end, total_steps),
            "frequency": self.frequency,
        }


@dataclass
class RampOptions(WindowOptions):
    """A sparsity that moves from `initial` to the target between `begin` and `end`."""

    initial: float = 0.0

    def check(self, key: str, target: float | None) -> None:
        """Refuses options out of range, and a ramp that would go down."""
        super().check(key, target)
        if not 0 <= self.initial < 1 or (target is not None and self.initial > target):
            raise ConfigError(
                f"{key}.initial: received {self.initial:g}; accepted: 0 to the target"
                + (f", {target:g}" if target is not None else "")
            )
