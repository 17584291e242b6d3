"""Draws a table for a terminal, in the width there is."""

import re
import textwrap
from dataclasses import replace

from harness.errors import one_line
from harness.report.grid import Grid
from harness.report.layout import summary_grid
from harness.report.render.caption import caption
from harness.report.tables import Table

_RULE = "─"

#: Two values in the place of a mean.
_VALUES = re.compile(r"[+−\d.]+, [+−\d.]+")


def to_text(table: Table, width: int = 120) -> str:
    """Draws the plain table, its caption and its notes.

    In a narrow terminal, intervals move below their means. Numbers are never cut: a table
    that cannot be as narrow as asked is wider.

    Args:
        table: The table.
        width: The terminal's columns.
    """
    grid = summary_grid(table)
    title = table.spec.title
    if len(table.models) == 1:  # said once, it leaves its column's width to the numbers
        title = f"{title} ({table.models[0]})"
        lines = tuple(line[1:] for line in grid.lines)
        grid = replace(grid, columns=grid.columns[1:], lines=lines, left=grid.left - 1)
    drawn = _draw(grid, broken=False)
    if max(len(line) for line in drawn) > width:
        drawn = _draw(grid, broken=True)
    below = [textwrap.fill(one_line(text), width) for text in (caption(table), *table.notes)]
    return "\n".join([one_line(title), "", *drawn, "", *below])


def _draw(grid: Grid, *, broken: bool) -> list[str]:
    """Returns the lines of a grid; with `broken`, intervals stand below their means."""
    rows = [[_pieces(place.line if place else "", broken) for place in line] for line in grid.lines]
    headings_of = [one_line(column.line) for column in grid.columns]
    widths = [
        max(
            *(len(word) for word in heading.split()),
            *(len(piece) for row in rows for piece in row[i]),
        )
        for i, heading in enumerate(headings_of)
    ]
    headings = [textwrap.wrap(h, w) for h, w in zip(headings_of, widths, strict=True)]
    tallest = max(len(pieces) for pieces in headings)
    headings = [[""] * (tallest - len(pieces)) + pieces for pieces in headings]
    gap = " " if broken else "  "
    lines = _lines(headings, widths, grid.left, gap)
    lines.append(_RULE * (sum(widths) + len(gap) * (len(widths) - 1)))
    for row in rows:
        lines += _lines(row, widths, grid.left, gap)
    return lines


def _pieces(text: str, broken: bool) -> list[str]:
    line = one_line(text)
    if broken and _VALUES.fullmatch(line):
        return line.replace(", ", ",\n").split("\n")
    mean, sign, half_width = line.partition(" ± ")
    return [mean, f"± {half_width}"] if sign and broken else [mean + sign + half_width]


def _lines(row: list[list[str]], widths: list[int], left: int, gap: str) -> list[str]:
    """Returns the lines of text of one line of places, which may each have several pieces."""
    lines = []
    for number in range(max(len(pieces) for pieces in row)):
        texts = [pieces[number] if number < len(pieces) else "" for pieces in row]
        padded = [
            text.ljust(width) if i < left else text.rjust(width)
            for i, (text, width) in enumerate(zip(texts, widths, strict=True))
        ]
        lines.append(gap.join(padded).rstrip())
    return lines
