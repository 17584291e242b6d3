"""A table as one HTML file: grids, plots, notes, runs and commands."""

import shlex
from collections.abc import Mapping

import harness
from harness.report.layout import grids
from harness.report.notes import CONFLICT
from harness.report.render import html_parts as parts
from harness.report.render.caption import sentences
from harness.report.render.html_parts import escape_html
from harness.report.render.markdown import plot_title
from harness.report.render.svg import inline
from harness.report.tables import Entry, Table

#: Where `harness ui` serves MLflow.
UI = "http://127.0.0.1:5000"


def to_html(table: Table, plots: Mapping[str, bytes] | None = None, ui: str = UI) -> str:
    """Draws a table as an HTML page that needs nothing else.

    Args:
        table: The table.
        plots: File name -> content of its plots; the SVG ones are put into the page.
        ui: Address of the MLflow interface that run ids link to.
    """
    body = [_header(table), _notes(table)]
    body += [parts.section(grid.key, grid.title, parts.table(grid)) for grid in grids(table)]
    if drawn := _plots(plots or {}):
        body.append(parts.section("plots", "Plots", drawn))
    body.append(parts.section("reproduce", "How to reproduce", _reproduce(table, ui)))
    if table.excluded:
        body.append(parts.section("excluded", "Runs not shown", _excluded(table, ui)))
    if sources := _sources(table):
        body.append(parts.section("sources", "Published values", sources))
    body.append(_footer())
    return parts.page(table.spec.title, body)


def _header(table: Table) -> str:
    measured = sum(entry.quality is not None for entry in table.entries)
    runs = sum(len(entry.runs) for entry in table.entries)
    badges = [
        f"<li>{escape_html(table.spec.scale)} scale</li>",
        f"<li>{measured} of {len(table.entries)} rows measured</li>",
        f"<li>{runs:,} runs</li>",
    ]
    if table.is_synthetic:
        badges.append('<li class="warn">synthetic data</li>')
    if conflicts := sum(note.startswith(CONFLICT) for note in table.notes):
        noun = "conflict" if conflicts == 1 else "conflicts"
        badges.append(f'<li class="warn">{conflicts} {noun}</li>')
    first, *rest = sentences(table)
    caption = f"<strong>{escape_html(first)}</strong> {escape_html(' '.join(rest))}"
    return (
        '<p class="eyebrow">Sparsity research harness</p>\n'
        f"<h1>{escape_html(table.spec.title)}</h1>\n"
        f'<ul class="badges">{"".join(badges)}</ul>\n<p class="caption">{caption}</p>'
    )


def _notes(table: Table) -> str:
    """Conflicts as callouts, the rest as a list."""
    callouts = [note for note in table.notes if note.startswith(CONFLICT)]
    drawn = []
    for note in callouts:
        head, _, rest = note.partition(":")
        drawn.append(
            f'<p class="callout" role="note"><strong>{escape_html(head.capitalize())}:</strong>'
            f"{escape_html(rest)}</p>"
        )
    others = "".join(f"<li>{escape_html(n)}</li>" for n in table.notes if n not in callouts)
    return "\n".join([*drawn, *([f'<ul class="notes">{others}</ul>'] if others else [])])


def _plots(plots: Mapping[str, bytes]) -> str:
    figures = []
    for number, (name, content) in enumerate(plots.items()):
        if name.endswith(".svg"):
            label = escape_html(plot_title(name))
            figures.append(
                f'<figure class="card">{inline(content, f"p{number}", label)}'
                f"<figcaption>{label}</figcaption></figure>"
            )
    return f'<div class="plots">\n{"".join(figures)}\n</div>' if figures else ""


def _reproduce(table: Table, ui: str) -> str:
    spec = table.spec
    whole = f"<p>All rows:</p>{parts.command(spec.command)}" if spec.command else ""
    whole += f"<p>This page, from their runs:</p>{parts.command(_again(table))}"
    rows = "\n".join(_row(entry, i, spec.command, ui) for i, entry in enumerate(table.entries))
    return f'<div class="card reproduce">{whole}</div>\n<div class="card rows">\n{rows}\n</div>'


def _again(table: Table) -> str:
    """The command that draws this very page again, from a store where the default one is."""
    spec, options = table.spec, list(table.options)
    if not spec.command:  # no sweep's: whatever cells an experiment holds
        return shlex.join(["harness", "report", "--experiment", spec.reads, *options])
    if spec.reads != spec.name and f"tracking.experiment={spec.experiment}" not in spec.command:
        options = ["--experiment", spec.experiment, *options]
    return " ".join((spec.command.replace("sweep", "report", 1), shlex.join(options))).rstrip()


def _row(entry: Entry, number: int, fallback: str, ui: str) -> str:
    """A row's runs, each with the command that runs it, and it alone, again."""
    name = f"{escape_html(entry.spec.model)} · {escape_html(entry.spec.name)}"
    if not entry.runs:
        content = parts.command(fallback) if fallback else "<p>No command: nothing was run.</p>"
        return (
            f'<details id="row-{number}"><summary>{name}<span>not run</span></summary>'
            f"{content}</details>"
        )
    runs = []
    for run in entry.runs:
        line = run.tags.get("harness.command", "")
        runs.append(
            f"<li>seed {escape_html(run.seed)} · "
            f"{parts.run_link(ui, run.experiment_id, run.run_id)}"
            f"{parts.command(line) if line else ''}</li>"
        )
    noun = "run" if len(runs) == 1 else "runs"
    return (
        f'<details id="row-{number}"><summary>{name}<span>{len(runs)} {noun}</span></summary>'
        f'<ul class="runs">{"".join(runs)}</ul></details>'
    )


def _excluded(table: Table, ui: str) -> str:
    groups = []
    for exclusion in table.excluded:
        ids = "".join(
            f"<li>{parts.run_link(ui, exclusion.experiment_id, i)}</li>" for i in exclusion.run_ids
        )
        groups.append(
            f"<details><summary>{escape_html(exclusion.reason)}"
            f"<span>{len(exclusion.run_ids):,}</span></summary>"
            f'<ul class="ids">{ids}</ul></details>'
        )
    return f'<div class="card">{"".join(groups)}</div>'


def _sources(table: Table) -> str:
    lines = [
        f"<li>{escape_html(p.row)}, {escape_html(p.column)}: {escape_html(p.text + p.unit)} "
        f'by {escape_html(p.by)}, <a href="{escape_html(p.source)}">{escape_html(p.source)}</a>'
        f"{f' ({escape_html(p.notes)})' if p.notes else ''}</li>"
        for p in table.sources
    ]
    return f'<ul class="sources">{"".join(lines)}</ul>' if lines else ""


def _footer() -> str:
    return (
        f"<footer>harness {escape_html(harness.__version__)}. Run ids lead to MLflow; "
        "<code>harness ui</code> serves it. The same numbers: table.md, table.csv, table.tex "
        "beside this page.</footer>"
    )
