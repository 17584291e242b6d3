"""Tables as HTML pages that need nothing else: no network, no file beside them.

Pages are drawn by the templates beside this file. Every text in them is escaped as it is put in,
whoever wrote it.
"""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import harness
from harness.report.escape import escape_html
from harness.report.grid import Column, Grid
from harness.report.layout import grids
from harness.report.notes import CONFLICT
from harness.report.render.caption import sentences
from harness.report.render.markdown import plot_title
from harness.report.render.svg import inline
from harness.report.status import DONE, FAILED, RUNNING, WAITING, CellStatus
from harness.report.table_spec import TableSpec
from harness.report.tables import Table

#: Where `harness ui` serves MLflow.
UI = "http://127.0.0.1:5000"
_TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.globals |= {"file": _file, "address": _address, "version": harness.__version__}
    return found


def _escaped(value: Any) -> Markup:
    """A value as a page may hold it: markup as it is, anything else escaped, in one line."""
    return value if isinstance(value, Markup) else Markup(escape_html(str(value)))


def _file(name: str) -> Markup:
    return Markup((_TEMPLATES / name).read_text(encoding="utf-8"))


def _address(ui: str, experiment: str, run: str) -> str:
    """A run's page in MLflow's interface."""
    place = f"{quote(experiment, safe='')}/runs/{quote(run, safe='')}"
    # without workflowType MLflow opens a run among those of LLM evaluations
    return f"{ui.rstrip('/')}/#/experiments/{place}?workflowType=machine_learning"


def to_html(
    table: Table,
    plots: Mapping[str, bytes] | None = None,
    ui: str = UI,
    *,
    beside: Sequence[str] = (),
    kept: tuple[str, str] | None = None,
) -> str:
    """Draws a table as an HTML page that needs nothing else.

    Args:
        table: The table.
        plots: File name -> content of its plots; the SVG ones are put into the page.
        ui: Address of the MLflow interface that run ids link to.
        beside: The files beside the page that have the same numbers.
        kept: Of a table of collected runs: its name there, and their folder.
    """
    conflicts = [note for note in table.notes if note.startswith(CONFLICT)]
    return (
        _environment()
        .get_template("table.html")
        .render(
            title=table.spec.title,
            table=table,
            spec=table.spec,
            measured=_measured(table),
            runs=f"{sum(len(entry.runs) for entry in table.entries):,}",
            caption=sentences(table),
            conflicts=conflicts,
            others=[note for note in table.notes if note not in conflicts],
            grids=[_drawn(grid) for grid in grids(table)],
            plots=[
                {
                    "svg": Markup(inline(content, f"p{i}", plot_title(name))),
                    "title": plot_title(name),
                }
                for i, (name, content) in enumerate((plots or {}).items())
                if name.endswith(".svg")
            ],
            again=_again(table, kept),
            ui=ui,
            linked=any(run.experiment_id for entry in table.entries for run in entry.runs)
            or any(group.experiment_id for group in table.excluded),
            beside=", ".join(beside),
        )
    )


def to_index(tables: Sequence[tuple[str, Table]]) -> str:
    """Draws the page that leads to several tables.

    Args:
        tables: The address of each table's page from here, and the table.
    """
    cards = [
        {
            "address": address,
            "spec": table.spec,
            "measured": _measured(table),
            "rows": len(table.entries),
            "share": f"{100 * _measured(table) / max(1, len(table.entries)):.0f}",
            "conflicts": sum(note.startswith(CONFLICT) for note in table.notes),
            "synthetic": table.is_synthetic,
        }
        for address, table in tables
    ]
    return _environment().get_template("index.html").render(title="Tables", cards=cards)


def to_status(
    spec: TableSpec, cells: Sequence[CellStatus], now: str, seconds: int, ui: str = UI
) -> str:
    """Draws the page of a sweep under way, which a browser reads again by itself.

    Args:
        spec: Its table.
        cells: From `harness.report.status.read_status`.
        now: When that was, in words.
        seconds: Until the page is read again.
        ui: As `to_html`.
    """
    counts = Counter(cell.state for cell in cells)
    order = (DONE, RUNNING, FAILED, WAITING)
    return (
        _environment()
        .get_template("status.html")
        .render(
            title=f"{spec.title}: how far",
            spec=spec,
            cells=cells,
            counts=[(state, counts[state]) for state in order if counts[state]],
            share=f"{100 * counts[DONE] / max(1, len(cells)):.0f}",
            now=now,
            seconds=seconds,
            ui=ui,
        )
    )


def _measured(table: Table) -> int:
    return sum(entry.quality is not None for entry in table.entries)


def _again(table: Table, kept: tuple[str, str] | None) -> str:
    """The command that draws this very page again, from a store where the default one is."""
    spec, options = table.spec, list(table.options)
    if kept:
        name, folder = kept
        return shlex.join(["harness", "report", name, "--from", folder, *options])
    if not spec.command:  # no sweep's: whatever cells an experiment holds
        return shlex.join(["harness", "report", "--experiment", spec.reads, *options])
    if spec.reads != spec.name and f"tracking.experiment={spec.experiment}" not in spec.command:
        options = ["--experiment", spec.experiment, *options]
    return " ".join((spec.command.replace("sweep", "report", 1), shlex.join(options))).rstrip()


def _drawn(grid: Grid) -> dict[str, Any]:
    """A grid as the template draws it: which cells there are, and over how many lines each goes."""
    return {
        "key": grid.key,
        "title": grid.title,
        "head": _head(grid.columns, grid.left),
        "body": [_line(grid, i) for i in range(len(grid.lines))],
    }


def _head(columns: tuple[Column, ...], left: int) -> list[list[dict[str, Any]]]:
    grouped = any(column.group for column in columns)
    above: list[dict[str, Any]] = []
    below: list[dict[str, Any]] = []
    for i, column in enumerate(columns):
        kind = "published" if column.text.startswith("published") else ""
        cell = {"text": column.text, "kind": "name" if i < left else kind, "rows": 1, "columns": 0}
        if not column.group:
            above.append({**cell, "rows": 2 if grouped else 1})
            continue
        below.append(cell)
        if i == 0 or columns[i - 1].group != column.group:
            width = sum(other.group == column.group for other in columns)
            above.append({"text": column.group, "kind": "group", "rows": 1, "columns": width})
    return [above, below] if grouped else [above]


def _line(grid: Grid, i: int) -> list[dict[str, Any]]:
    places = []
    for column, place in enumerate(grid.lines[i]):
        if place is None:
            continue
        span = 1
        while i + span < len(grid.lines) and grid.lines[i + span][column] is None:
            span += 1
        kind = "name" if column < grid.left else place.kind.replace(" ", "-")
        if place.kind == "name" and column >= grid.left:
            kind = "measured"
        last = " last" if i + span == len(grid.lines) else ""
        places.append(
            {
                "kind": f"{kind}{last}",
                "rows": span,
                "text": place.text,
                "below": place.below,
                "entry": place.entry,
            }
        )
    return places
