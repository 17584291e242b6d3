"""Draws a table: Markdown, CSV, LaTeX and HTML.

Names come from configs and stores, so every format escapes what it is given.
"""

import csv
import html
import io
import re

from harness.report.layout import NOT_AVAILABLE, NOT_RUN, Grid, page_grid, plain_grid
from harness.report.statistics import CONFIDENCE
from harness.report.tables import Entry, Table

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~#&$])")
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": r"$-$",
    "–": "--",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}
_HTML_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
  body {{ font-family: sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }}
  table {{ border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }}
  th, td {{ border: 1px solid #ccc; padding: .3rem .6rem; text-align: left }}
</style>"""


def escape_markdown(text: str) -> str:
    """Escapes what Markdown, and the HTML in it, would take for markup."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def escape_html(text: str) -> str:
    """Escapes text for an element or a quoted attribute."""
    return html.escape(one_line(text))


def escape_latex(text: str) -> str:
    """Escapes LaTeX's special characters, and spells the signs the tables use."""
    return "".join(_LATEX.get(sign, sign) for sign in one_line(text))


def one_line(text: str) -> str:
    """Replaces what does not print, line breaks among it, by spaces."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def grids(table: Table) -> list[Grid]:
    """Returns the page's layout, where the table has one, and the plain table."""
    return [page_grid(table), plain_grid(table)] if table.spec.page else [plain_grid(table)]


def caption(table: Table) -> str:
    """Says what the numbers are of: scale, data, measure, intervals, denominators."""
    quality = table.spec.quality
    data = "; ".join(table.data) or "nothing measured yet"
    parts = [
        f"Scale: {table.spec.scale}. Data: {data}.",
        f"{quality.name.capitalize() if quality.name.islower() else quality.name} on the test "
        f"split{f' in {quality.unit}' if quality.unit else ''}: mean ± {CONFIDENCE:.0%} interval "
        "over seeds (Student t).",
        "Differences are from a run's own dense baseline, paired by seed.",
    ]
    if prunable := _denominators(table, "prunable_params"):
        parts.append(f"Prunable weights: {prunable}.")
    if total := _denominators(table, "total_params"):
        parts.append(f"All parameters: {total}.")
    if any(entry.bytes_raw for entry in table.entries):
        parts.append("Bytes are of the TensorFlow Lite file.")
    return " ".join(parts)


def _denominators(table: Table, name: str) -> str:
    counts: dict[str, set[int]] = {}
    for entry in table.entries:
        count = getattr(entry, name)
        if count:
            counts.setdefault(entry.spec.model, set()).add(round(count))
    return ", ".join(
        f"{' or '.join(f'{count:,}' for count in sorted(found))} ({model})"
        for model, found in counts.items()
    )


def to_markdown(table: Table, plots: list[str] | None = None) -> str:
    """Draws a table as a Markdown page: caption, tables, plots, notes, runs, commands."""
    spec = table.spec
    parts = [f"# {escape_markdown(spec.title)}", escape_markdown(caption(table))]
    if spec.source:
        parts.append(f"Published table: <{spec.source}>.")
    parts += [_markdown_grid(grid) for grid in grids(table)]
    parts += [f"![{escape_markdown(spec.title)}]({plot})" for plot in plots or []]
    if table.notes:
        parts.append("\n".join(f"- {escape_markdown(note)}" for note in table.notes))
    if sources := _sources(table):
        parts += ["## Published values", sources]
    if any(entry.runs for entry in table.entries):
        parts += ["## Runs behind the numbers", _markdown_runs(table)]
    return "\n\n".join(parts) + "\n"


def _markdown_grid(grid: Grid) -> str:
    rule = [":--" if i < grid.left else "--:" for i in range(len(grid.headings))]
    lines = [[escape_markdown(h) for h in grid.headings], rule]
    lines += [["" if p is None else escape_markdown(p) for p in line] for line in grid.lines]
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


def _markdown_runs(table: Table) -> str:
    lines = ["| model | sparsity | seed | run id | command |", "| :-- | :-- | --: | :-- | :-- |"]
    for entry in table.entries:
        for run in entry.runs:
            command = one_line(run.tags.get("harness.command", "")).replace("|", r"\|")
            code = f"`{command}`" if command and "`" not in command else escape_markdown(command)
            lines.append(
                f"| {escape_markdown(entry.spec.model)} | {escape_markdown(entry.spec.sparsity)} "
                f"| {escape_markdown(run.seed)} | `{run.run_id}` | {code or NOT_AVAILABLE} |"
            )
    return "\n".join(lines)


_CSV_HEADINGS = (
    *("model", "sparsity", "scale", "metric", "unit", "seeds", "seeds_planned"),
    *("mean", "half_width_95"),
    *("difference_from_dense", "difference_half_width_95", "difference_pairs"),
    *("sparsity_prunable", "sparsity_all", "prunable_params", "total_params", "nonzero_params"),
    *("bytes", "gzip_bytes", "gzip_reduction", "train_seconds"),
    *("published", "published_difference_from_dense", "published_source", "run_ids"),
)


def to_csv(table: Table) -> str:
    """Draws a table for machines: a line a row of cells, unrounded, run ids at its end.

    Sparsities are fractions. What was never measured reads "not run", what a run did not
    log, or has no meaning in a row, "n/a".
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV_HEADINGS)
    writer.writerows(_csv_line(table, entry) for entry in table.entries)
    return out.getvalue()


def _csv_line(table: Table, entry: Entry) -> list[str]:
    quality, delta, published = entry.quality, entry.difference, entry.published
    measured: list[float | None] = [
        quality.mean if quality else None,
        quality.half_width if quality else None,
        delta.mean if delta else None,
        delta.half_width if delta else None,
        delta.n if delta else None,
        entry.sparsity_prunable,
        entry.sparsity_all,
        entry.prunable_params,
        entry.total_params,
        entry.nonzero_params,
        entry.bytes_raw,
        entry.bytes_gzip,
        entry.gzip_reduction,
        entry.train_seconds,
    ]
    return [
        entry.spec.model,
        entry.spec.sparsity,
        table.spec.scale,
        table.spec.quality.metric,
        table.spec.quality.unit or NOT_AVAILABLE,
        str(len(entry.runs)),
        str(len(entry.spec.seeds)) if entry.spec.seeds else NOT_AVAILABLE,
        *[NOT_RUN if quality is None else _exact(value) for value in measured],
        published.text if published else NOT_AVAILABLE,
        _exact(entry.published_difference),
        published.source if published else NOT_AVAILABLE,
        " ".join(run.run_id for run in entry.runs) or NOT_RUN,
    ]


def _exact(value: float | None) -> str:
    return NOT_AVAILABLE if value is None else f"{value:.10g}"


def to_html(table: Table) -> str:
    """Draws the grids as an HTML page that needs nothing else; merged cells are merged."""
    title = escape_html(table.spec.title)
    parts = [_HTML_HEAD.format(title=title), f"<h1>{title}</h1>"]
    for grid in grids(table):
        head = "".join(f"<th>{escape_html(h)}</th>" for h in grid.headings)
        body = "\n".join(_html_line(grid, i) for i in range(len(grid.lines)))
        parts.append(
            f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
        )
    parts.append(f"<p>{escape_html(caption(table))}</p>")
    if table.notes:
        notes = "".join(f"<li>{escape_html(note)}</li>" for note in table.notes)
        parts.append(f"<ul>{notes}</ul>")
    return "\n".join([*parts, "</html>"]) + "\n"


def _html_line(grid: Grid, i: int) -> str:
    places = []
    for column, place in enumerate(grid.lines[i]):
        if place is None:
            continue
        span = 1
        while i + span < len(grid.lines) and grid.lines[i + span][column] is None:
            span += 1
        attribute = f' rowspan="{span}"' if span > 1 else ""
        places.append(f"<td{attribute}>{escape_html(place)}</td>")
    return f"<tr>{''.join(places)}</tr>"


def to_latex(table: Table) -> str:
    """Draws the grids as LaTeX tables (needs the booktabs package)."""
    parts = []
    for grid in grids(table):
        columns = "".join("l" if i < grid.left else "r" for i in range(len(grid.headings)))
        lines = [[escape_latex(h) for h in grid.headings]]
        lines += [["" if p is None else escape_latex(p) for p in line] for line in grid.lines]
        title = f"{escape_latex(table.spec.title)}. {escape_latex(caption(table))}"
        head, *body = [f"{' & '.join(line)} \\\\" for line in lines]
        parts.append(
            "\n".join(
                [
                    r"\begin{table}",
                    rf"\caption{{{title}}}",
                    rf"\begin{{tabular}}{{{columns}}}",
                    r"\toprule",
                    head,
                    r"\midrule",
                    *body,
                    r"\bottomrule",
                    r"\end{tabular}",
                    r"\end{table}",
                ]
            )
        )
    return "\n\n".join(parts) + "\n"
