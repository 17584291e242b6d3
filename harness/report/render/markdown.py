"""A table as a Markdown page."""

import re
from collections.abc import Sequence

from harness.report.layout import NOT_AVAILABLE, Grid, grids
from harness.report.render.caption import caption, one_line
from harness.report.tables import Table

_MARKUP = re.compile(r"([\\`*_{}\[\]<>|~#&$])")


def escape_markdown(text: str) -> str:
    """Escapes what Markdown, and the HTML in it, would take for markup."""
    return _MARKUP.sub(r"\\\1", one_line(text))


def to_markdown(table: Table, plots: Sequence[str] = ()) -> str:
    """Draws a table as a Markdown page: caption, grids, plots, notes, runs, commands.

    Args:
        table: The table.
        plots: File names of its plots.
    """
    spec = table.spec
    parts = [f"# {escape_markdown(spec.title)}", escape_markdown(caption(table))]
    if table.notes:
        parts.append("\n".join(f"- {_note(note)}" for note in table.notes))
    if spec.source:
        parts.append(f"Published table: <{spec.source}>.")
    for grid in grids(table):
        parts += [f"## {grid.title}", _grid(grid)]
    if plots:
        parts.append("## Plots")
        parts += [f"![{escape_markdown(plot_title(plot))}]({plot})" for plot in plots]
    if sources := _sources(table):
        parts += ["## Published values", sources]
    parts += ["## How to reproduce", _reproduce(table)]
    return "\n\n".join(parts) + "\n"


def plot_title(file: str) -> str:
    """A plot's title from its file's name."""
    return file.rpartition(".")[0].replace("_", " ").capitalize()


def _note(note: str) -> str:
    head, colon, rest = note.partition(":")
    if head.isupper() and colon:
        return f"**{escape_markdown(head)}:**{escape_markdown(rest)}"
    return escape_markdown(note)


def _grid(grid: Grid) -> str:
    rule = [":--" if i < grid.left else "--:" for i in range(len(grid.columns))]
    lines = [[escape_markdown(column.line) for column in grid.columns], rule]
    lines += [["" if p is None else escape_markdown(p.line) for p in line] for line in grid.lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _sources(table: Table) -> str:
    lines = dict.fromkeys(
        f"- {escape_markdown(p.row)}, {escape_markdown(p.column)}: {p.text}{p.unit}, <{p.source}>"
        + (f" ({escape_markdown(p.notes)})" if p.notes else "")
        for entry in table.entries
        for p in (entry.published, entry.published_baseline)
        if p is not None
    )
    return "\n".join(lines)


def _reproduce(table: Table) -> str:
    """The command of every run, and of the rows that no run is behind."""
    command = f"All rows: {_code(table.spec.command)}" if table.spec.command else ""
    if not any(entry.runs for entry in table.entries):
        return command or "No row was run yet."
    lines = ["| model | sparsity | seed | run id | command |", "| :-- | :-- | --: | :-- | :-- |"]
    for entry in table.entries:
        names = f"{escape_markdown(entry.spec.model)} | {escape_markdown(entry.spec.name)}"
        lines += [
            f"| {names} | {escape_markdown(run.seed)} | `{run.run_id}` "
            f"| {_code(run.tags.get('harness.command', ''))} |"
            for run in entry.runs
        ]
        if not entry.runs:
            lines.append(f"| {names} | – | not run | {_code(table.spec.command)} |")
    return f"{command}\n\n" * bool(command) + "\n".join(lines)


def _code(command: str) -> str:
    text = one_line(command).replace("|", r"\|")
    return f"`{text}`" if text and "`" not in text else escape_markdown(text) or NOT_AVAILABLE
