"""A table as text in places: what every format draws."""

from dataclasses import dataclass

NOT_RUN = "not run"
NOT_AVAILABLE = "n/a"
NOT_APPLICABLE = "–"
#: Behind what not all runs of a row have: the caption says how many do.
FEWER = "*"


@dataclass(frozen=True)
class Place:
    """A place of a grid: its text, what may stand in lines of its own below it, its kind.

    Kinds: `name`, `measured`, `published`, `not run` or `none`. A measured place says of which
    of the table's entries it is, so that a reader can get from the number to its runs.
    """

    text: str
    kind: str = "measured"
    below: tuple[str, ...] = ()
    entry: int | None = None

    @property
    def line(self) -> str:
        """All of it, in one line."""
        return " ".join((self.text, *self.below))


@dataclass(frozen=True)
class Column:
    """A heading; neighbours of the same `group` stand under its name together."""

    text: str
    group: str = ""

    @property
    def line(self) -> str:
        """The heading in one line."""
        return f"{self.group}: {self.text}" if self.group else self.text


@dataclass(frozen=True)
class Grid:
    """A titled table of places; None continues the place above it (a merged cell).

    `left` counts the leading columns of names. `key` is its name in links.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    lines: tuple[tuple[Place | None, ...], ...]
    left: int = 1


def number(value: float | None, digits: int) -> str:
    """Formats a number with thousands separators; n/a where there is none."""
    if value is None:
        return NOT_AVAILABLE
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text
