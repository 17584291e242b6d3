"""Keys of which a search draws the values, as overrides write them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, RangeSweep

from harness.config.overrides import parsed
from harness.errors import ConfigError

#: Significant digits of a number that is tried: what a person would type again.
_DIGITS = 3


@dataclass(frozen=True)
class Axis:
    """A key that is searched, and how Optuna draws its values.

    Attributes:
        key: dotted, or a group.
        choices: the values, if there are so many; as overrides write them.
        low: else the least value.
        high: and the greatest one.
        log: whether its logarithm is drawn evenly.
        whole: whether it is a whole number.
    """

    key: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    def ask(self, trial: Any) -> str:
        """An override with the value that a trial is to have."""
        if self.choices:
            return f"{self.key}={trial.suggest_categorical(self.key, list(self.choices))}"
        if self.whole:
            low, high = int(self.low), int(self.high)
            return f"{self.key}={trial.suggest_int(self.key, low, high, log=self.log)}"
        value = trial.suggest_float(self.key, self.low, self.high, log=self.log)
        return f"{self.key}={value:.{_DIGITS}g}"

    @property
    def example(self) -> str:
        """An override with one of its values."""
        value = self.choices[0] if self.choices else f"{self.low:.{_DIGITS}g}"
        return f"{self.key}={value}"


def axes(overrides: Sequence[str]) -> tuple[list[str], list[Axis]]:
    """Overrides of one value, and those that are searched.

    Args:
        overrides: `key=a,b`, `key=choice(a,b)`, `key=range(…)`, `key=interval(a,b)` and
            `key=tag(log,interval(a,b))` are searched, as Hydra writes them.

    Raises:
        ConfigError: an override that is none, or nothing is searched.
    """
    fixed: list[str] = []
    found: list[Axis] = []
    for text in overrides:
        override = parsed(text)
        value = override.value()
        key = override.get_key_element()
        if not override.is_sweep_override():
            fixed.append(text)
        elif isinstance(value, IntervalSweep):
            low, high = value.start, value.end
            if not (low is not None and high is not None and low < high):
                raise ConfigError(f"{text}: accepted: interval(LOW,HIGH) with LOW below HIGH")
            log = "log" in value.tags
            if log and low <= 0:
                raise ConfigError(f"{text}: received {low:g}; accepted: above 0 with tag(log,…)")
            whole = isinstance(low, int) and isinstance(high, int)
            found.append(Axis(key, low=low, high=high, log=log, whole=whole))
        else:
            assert isinstance(value, (ChoiceSweep, RangeSweep)), value
            found.append(Axis(key, tuple(map(str, override.sweep_string_iterator()))))
    if not found:
        raise ConfigError(
            "harness search: received no key to search; accepted: KEY=A,B, KEY=interval(LOW,HIGH) "
            "or KEY=tag(log,interval(LOW,HIGH)), e.g. 'sparsity.target=interval(0.5,0.95)'"
        )
    return fixed, found
