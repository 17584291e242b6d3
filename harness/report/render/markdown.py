"""A table as a Markdown page."""

from collections.abc import Sequence

from harness.report.escape import escape_markdown, markdown_code
from harness.report.grid import NOT_AVAILABLE, Grid
from harness.report.layout import grids
from harness.report.published import Published
from harness.report.render.caption import caption
from harness.report.tables import Table


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
    if table.sources:
        parts += ["## Published values", "\n".join(map(_source, table.sources))]
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


def _source(p: Published) -> str:
    by = f" by {escape_markdown(p.by)}"
    notes = f" ({escape_markdown(p.notes)})" if p.notes else ""
    return (
        f"- {escape_markdown(p.row)}, {escape_markdown(p.column)}: {p.text}{p.unit}{by}, "
        f"<{p.source}>{notes}"
    )


def _reproduce(table: Table) -> str:
    """The command of every run, and of the rows that no run is behind."""
    command = markdown_code(table.spec.command)
    whole = f"All rows: {command}" if command else ""
    if not any(entry.runs for entry in table.entries):
        return whole or "No row was run yet."
    lines = ["| model | sparsity | seed | run id | command |", "| :-- | :-- | --: | :-- | :-- |"]
    for entry in table.entries:
        names = f"{escape_markdown(entry.spec.model)} | {escape_markdown(entry.spec.name)}"
        lines += [
            f"| {names} | {escape_markdown(run.seed)} | {markdown_code(run.run_id)} "
            f"| {markdown_code(run.tags.get('harness.command', '')) or NOT_AVAILABLE} |"
            for run in entry.runs
        ]
        if not entry.runs:
            lines.append(f"| {names} | – | not run | {command or NOT_AVAILABLE} |")
    return f"{whole}\n\n" * bool(whole) + "\n".join(lines)
