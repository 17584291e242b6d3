"""Published values: what a table's measured ones are compared with."""

import csv
from dataclasses import dataclass
from pathlib import Path

from harness.config import shipped
from harness.errors import ConfigError

_COLUMNS = ["row", "column", "value", "unit", "source", "notes"]


@dataclass(frozen=True)
class Published:
    """One published value, as printed, and where it is to be read."""

    row: str
    column: str
    value: float
    text: str
    unit: str
    source: str
    notes: str


@dataclass(frozen=True)
class PublishedTable:
    """The published values of one table, by row (model) and column (sparsity)."""

    values: dict[tuple[str, str], Published]

    def get(self, row: str, column: str) -> Published | None:
        """Returns a value, or None where nothing was published."""
        return self.values.get((row, column))

    def baseline(self, row: str, column: str) -> Published | None:
        """Returns the dense value that a sparse one started from.

        A source that measured its own dense baseline has it in a column
        `dense for <column>`; any other is compared with `dense`.
        """
        return self.get(row, f"dense for {column}") or self.get(row, "dense")


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

    Raises:
        ConfigError: Columns are missing, a value is no number or has no source, or a row
            and column are there twice.
    """
    values: dict[tuple[str, str], Published] = {}
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
            if key in values:
                raise ConfigError(f"{path}:{line}: row and column {key} are there twice: keep one")
            values[key] = Published(
                *key, value, row["value"], row["unit"], row["source"], row["notes"] or ""
            )
    return PublishedTable(values)
