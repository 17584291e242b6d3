"""Published values: what a table's measured ones are compared with."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.config import shipped
from harness.errors import ConfigError

_COLUMNS = ["row", "column", "value", "unit", "by", "source", "notes"]


@dataclass(frozen=True)
class Published:
    """One published value, as printed: who measured it, and where it is to be read."""

    row: str
    column: str
    value: float
    text: str
    unit: str
    by: str
    source: str
    notes: str


@dataclass(frozen=True)
class PublishedTable:
    """The published values of one table.

    Attributes:
        values: By row (model) and column (sparsity).
        beside: Further ones, of those who measured a baseline of their own. The guide prints
            Arm's values at 2 by 4, but not all of those that they were compared with.
    """

    values: Mapping[tuple[str, str], Published]
    beside: tuple[Published, ...] = ()

    def get(self, row: str, column: str) -> Published | None:
        """Returns a value, or None where nothing was published."""
        return self.values.get((row, column))

    def baseline(self, row: str, column: str) -> Published | None:
        """Returns the dense value that a sparse one is compared with.

        That is the one of the same hands, and where they published none, the guide's.
        """
        own = [one for one in self.partners(row, column) if one.column == "dense"]
        return own[0] if own else self.get(row, "dense")

    def partners(self, row: str, column: str) -> tuple[Published, ...]:
        """Returns what those who measured a value measured beside it, if the guide has it not."""
        value = self.get(row, column)
        return tuple(one for one in self.beside if value and (one.row, one.by) == (row, value.by))


def published_names() -> list[str]:
    """Returns the names of the tables that have published values."""
    return sorted(file.stem for file in shipped("published").glob("*.csv"))


def read_published(name: str | None) -> PublishedTable:
    """Reads `results/published/<name>.csv`; an empty table for None.

    Raises:
        ConfigError: There is no such file, or a line in it is malformed.
    """
    if name is None:
        return PublishedTable({})
    path = shipped("published") / f"{name}.csv"
    if not path.is_file():
        raise ConfigError(
            f"published={name}: no published values of that name; "
            f"accepted: {', '.join(published_names())}"
        )
    return parse_published(path)


def parse_published(path: Path) -> PublishedTable:
    """Reads one file of published values.

    The first value of a row and column is the guide's; those of others may follow.

    Raises:
        ConfigError: Columns are missing, a value is no number or has no source, or a row
            and column are there twice of the same hands.
    """
    values: dict[tuple[str, str], Published] = {}
    beside: dict[tuple[str, str, str], Published] = {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != _COLUMNS:
            raise ConfigError(
                f"{path}: its columns are {reader.fieldnames}; accepted: {','.join(_COLUMNS)}"
            )
        for line, row in enumerate(reader, start=2):
            key = (row["row"], row["column"])
            try:
                value = float(row["value"])
            except ValueError as error:
                raise ConfigError(
                    f"{path}:{line}: value {row['value']!r} is no number: write it as published"
                ) from error
            if not row["source"]:
                raise ConfigError(f"{path}:{line}: no source: give the URL where it is published")
            found = Published(
                *key,
                value,
                row["value"],
                *(row[name] or "" for name in ("unit", "by", "source", "notes")),
            )
            if values.setdefault(key, found) is found:
                continue
            if found.by == values[key].by or (*key, found.by) in beside:
                raise ConfigError(f"{path}:{line}: row and column {key} are there twice: keep one")
            beside[*key, found.by] = found
    return PublishedTable(values, tuple(beside.values()))
