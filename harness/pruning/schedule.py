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

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from harness.pruning.errors import PruningError

FOREVER = np.iinfo(np.int64).max


def _is_tensor(step: Any) -> bool:
    # A step can only be a tensor if TensorFlow is already imported: never import it here.
    tf = sys.modules.get("tensorflow")
    return tf is not None and (tf.is_tensor(step) or isinstance(step, tf.Variable))


def _float32(step: Any) -> Any:
    if _is_tensor(step):
        return sys.modules["tensorflow"].cast(step, "float32")
    return np.asarray(step, np.float32)


def _clip01(value: Any) -> Any:
    if _is_tensor(value):
        return sys.modules["tensorflow"].clip_by_value(value, 0.0, 1.0)
    return np.clip(value, np.float32(0), np.float32(1))


def _cos(value: Any) -> Any:
    return sys.modules["tensorflow"].cos(value) if _is_tensor(value) else np.cos(value)


def _where(condition: Any, yes: Any, no: Any) -> Any:
    if _is_tensor(condition):
        return sys.modules["tensorflow"].where(condition, yes, no)
    return np.where(condition, yes, no)


def _check_sparsity(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise PruningError(f"{name} must be a number in [0, 1), received {value!r}.")
    if not 0.0 <= float(value) < 1.0:  # also refuses NaN
        raise PruningError(
            f"{name} must be in [0, 1), received {value!r}; 0.9 makes 9 of 10 weights zero."
        )
    return float(value)


def _check_step(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise PruningError(f"{name} must be a whole number of steps, received {value!r}.")
    if value < least:
        raise PruningError(f"{name} must be at least {least}, received {value!r}.")
    return int(value)


class Schedule(ABC):
    """Base of all schedules: a window of steps, and a sparsity for each step in it.

    Args:
        begin_step: first step at which masks are refreshed.
        end_step: last step at which masks are refreshed; a refresh there always happens.
            None refreshes until training ends.
        frequency: steps between two refreshes.
    """

    def __init__(self, begin_step: int, end_step: int | None, frequency: int) -> None:
        self.begin_step = _check_step("begin_step", begin_step, 0)
        self.frequency = _check_step("frequency", frequency, 1)
        self.end_step = None if end_step is None else _check_step("end_step", end_step, 0)
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
        self.target = _check_sparsity("target", target)
        super().__init__(begin_step, end_step, frequency)

    @property
    def final_sparsity(self) -> float:
        """The target."""
        return self.target

    def sparsity(self, step: Any) -> Any:
        """The target, at any step."""
        return _float32(step) * np.float32(0) + np.float32(self.target)


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


class _Ramp(Schedule):
    """A sparsity that moves from `initial` to `final` between two steps."""

    def __init__(
        self,
        initial: float,
        final: float,
        begin_step: int,
        end_step: int,
        frequency: int = 100,
    ) -> None:
        self.initial = _check_sparsity("initial", initial)
        self.final = _check_sparsity("final", final)
        _check_step("end_step", end_step, 0)  # a ramp without an end has no slope
        super().__init__(begin_step, end_step, frequency)

    @property
    def final_sparsity(self) -> float:
        """The sparsity at `end_step` and after."""
        return self.final

    def _left(self, step: Any) -> Any:
        """Share of the ramp still ahead: 1 at `begin_step`, 0 at `end_step`, float32."""
        length = self.last_step - self.begin_step
        if length == 0:  # tfmot divides by zero here; a ramp of no length is already at its end
            return _float32(step) * np.float32(0)
        return np.float32(1) - _clip01(
            # Whole numbers first: float32 does not tell large steps apart.
            _float32(step - self.begin_step) / np.float32(length)
        )


class Polynomial(_Ramp):
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
        return np.float32(self.initial - self.final) * self._left(step) ** np.float32(
            self.power
        ) + np.float32(self.final)


class Cosine(_Ramp):
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
        wave = np.float32(0.5) * (np.float32(1) - _cos(np.float32(np.pi) * self._left(step)))
        return np.float32(self.initial - self.final) * wave + np.float32(self.final)


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
        checked = tuple(_check_step("steps", step, 0) for step in steps)
        if list(checked) != sorted(set(checked)):
            raise PruningError(f"steps must increase, received {list(steps)}.")
        self.steps = checked
        self.sparsities = tuple(_check_sparsity("sparsities", s) for s in sparsities)
        super().__init__(checked[0], checked[-1], 1)

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
        value = _float32(step) * np.float32(0) + np.float32(self.sparsities[0])
        for one, sparsity in zip(self.steps[1:], self.sparsities[1:], strict=True):
            value = _where(step >= one, np.float32(sparsity), value)
        return value


class Frozen(Schedule):
    """Never refresh: the masks are the non-zero weights found when the pruner attaches.

    For fine-tuning a network that is already sparse (fine-tuning with frozen masks).
    """

    def __init__(self) -> None:
        super().__init__(0, None, 1)

    @property
    def final_sparsity(self) -> float:
        """NaN: whatever the weights have."""
        return math.nan

    def sparsity(self, step: Any) -> Any:
        """NaN: whatever the weights have."""
        return _float32(step) * np.float32(0) + np.float32(math.nan)

    def updates_at(self, step: Any) -> Any:
        """Never."""
        return step != step

    def update_steps(self, last: int) -> Iterator[int]:
        """Yields nothing."""
        yield from ()

    def last_update(self, last: int) -> int | None:
        """None."""
        return None
