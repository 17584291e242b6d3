"""Which of an experiment's runs a report is asked for: `--filter` and `--since`."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from harness.errors import ReportError
from harness.report.values import canonical

_NUMBERS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_EXPRESSION = re.compile(r"\s*([^<>=!]+?)\s*(<=|>=|!=|==?|<|>)\s*(?![<>=])(.*?)\s*", re.DOTALL)
_PREFIXES = ("params.", "metrics.", "tags.", "tags.harness.", "")
_FIXED = ("run_id", "status")
_SPANS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class UnknownKeyError(ReportError):
    """A filter's key that no run of an experiment has."""


@dataclass(frozen=True)
class Filter:
    """`KEY = VALUE` or another comparison; KEY is a parameter, metric or tag of a run."""

    key: str
    sign: str
    value: str

    def __str__(self) -> str:
        return f"{self.key}{self.sign}{self.value}"

    def keeps(self, frame: pd.DataFrame) -> pd.Series:
        """Returns for each run whether it holds; never for a run that has no such value.

        Raises:
            UnknownKeyError: No run has anything of this name.
        """
        column = frame[_column(self.key, frame)]
        if self.sign in _NUMBERS:
            numbers = pd.to_numeric(column, errors="coerce")
            return _NUMBERS[self.sign](numbers, float(self.value)).fillna(False).astype(bool)
        texts = column.map(canonical)
        equal = texts == canonical(self.value)
        return equal if self.sign == "=" else ~equal & (texts != "")


def parse_filter(text: str) -> Filter:
    """Reads one `--filter`.

    Raises:
        ReportError: It is no comparison, or compares with what is no number.

    Example:
        >>> parse_filter("training.batch_size>=64")
        Filter(key='training.batch_size', sign='>=', value='64')
    """
    found = _EXPRESSION.fullmatch(text)
    if found is None:
        raise ReportError(
            f"--filter: received {text!r}; accepted: KEY=VALUE, or !=, <, <=, > and >=, where "
            "KEY is a parameter, metric or tag, such as seed, test/accuracy or tags.harness.host"
        )
    key, sign, value = found.groups()
    sign = "=" if sign == "==" else sign
    key = re.sub(r"`(.*)`", r"\1", key)  # quoted as MLflow's own filters are
    value = re.sub(r"""(['"])(.*)\1""", r"\2", value)
    if sign in _NUMBERS:
        try:
            float(value)
        except ValueError:
            raise ReportError(
                f"--filter: received {text!r}; {sign} compares numbers, and {value!r} is none"
            ) from None
    return Filter(key, sign, value)


def _column(key: str, frame: pd.DataFrame) -> str:
    for prefix in _PREFIXES:
        name = prefix + key
        if name in frame and (prefix or key in _FIXED or "." in key):
            return name
    known = sorted(
        name.partition(".")[2] for name in frame.columns if name.startswith(_PREFIXES[:3])
    )
    word = key.rpartition(".")[2]
    near = [name for name in known if word in name] or known
    raise UnknownKeyError(
        f"--filter: no run has a parameter, metric or tag {key!r}; accepted: "
        f"{', '.join([*_FIXED, *near[:12]])}{', …' if len(near) > 12 else ''}"
    )


def parse_since(text: str, now: datetime | None = None) -> datetime:
    """Reads `--since`: a date, a date and time, or a time span back from now.

    Args:
        text: `2026-11-24`, `2026-11-24T08:00` (of this machine's clock, unless it names its
            zone), or `36h`: minutes m, hours h, days d, weeks w.
        now: The present time, for tests.

    Raises:
        ReportError: It is none of these.
    """
    span = re.fullmatch(r"(\d+)([mhdw])", text)
    try:
        if span:
            back = timedelta(**{_SPANS[span[2]]: int(span[1])})
            return (now or datetime.now(UTC)) - back
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ReportError(
            f"--since: received {text!r}; accepted: a date (2026-11-24), a date and time "
            "(2026-11-24T08:00), or a span: 90m, 36h, 7d, 2w"
        ) from None


@dataclass(frozen=True)
class Selection:
    """The runs that a report is asked for; all of them by default."""

    filters: tuple[Filter, ...] = ()
    since: datetime | None = None

    def reasons(self, frame: pd.DataFrame) -> dict[str, pd.Series]:
        """Returns the reason not to show runs -> for each run whether it holds.

        Raises:
            UnknownKeyError: A filter's key is unknown.
        """
        found = {}
        if self.since is not None:
            moment = f"{self.since:%Y-%m-%d %H:%M} UTC"
            found[f"started before {moment} (--since)"] = frame["start_time"] < self.since
        if len(frame):
            for each in self.filters:
                found[f"left out by --filter {each}"] = ~each.keeps(frame)
        return found

    @property
    def options(self) -> tuple[str, ...]:
        """The command line's words for the same selection, whenever it is given."""
        since = [f"--since={self.since.isoformat()}"] if self.since else []
        return (*since, *(f"--filter={each}" for each in self.filters))

    @property
    def texts(self) -> list[str]:
        """Says what was selected, for a caption."""
        since = [f"started since {self.since:%Y-%m-%d %H:%M} UTC"] if self.since else []
        return [*since, *map(str, self.filters)]
