"""Lays a table out as grids of text: the published page's, and those of its own.

A grid is what every format draws; it knows nothing of Markdown, HTML or LaTeX.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from harness import metrics
from harness.metrics import Metric
from harness.plots.points import amount, family
from harness.report.entries import Entry, metrics_of_files
from harness.report.file_bytes import files_grid
from harness.report.grid import (
    FEWER,
    NOT_APPLICABLE,
    NOT_AVAILABLE,
    NOT_RUN,
    Column,
    Grid,
    Place,
    number,
)
from harness.report.statistics import Estimate
from harness.report.table_spec import PageColumn
from harness.report.tables import Table


def estimate(value: Estimate | None, *, signed: bool = False) -> str:
    """Formats a mean ± interval; the mean alone for one seed, and of two both values.

    Example:
        >>> estimate(Estimate(98.5333, 0.2117, 3))
        '98.53 ± 0.21'
    """
    if value is None:
        return NOT_AVAILABLE
    if value.half_width is None and len(value.values) > 1:
        return ", ".join(_signed(each) if signed else number(each, 2) for each in value.values)
    mean = _signed(value.mean) if signed else number(value.mean, 2).replace("-", "−")
    return mean if value.half_width is None else f"{mean} ± {number(value.half_width, 2)}"


def _signed(value: float) -> str:
    text = number(value, 2)
    plus = "" if text.startswith("-") or float(text.replace(",", "")) == 0 else "+"
    return f"{plus}{text}".replace("-", "−")


def seeds_text(entry: Entry) -> str:
    """Says how many seeds were measured, and of how many planned if fewer."""
    planned = len(entry.spec.seeds)
    measured = len(entry.runs)
    return f"{measured} of {planned}" if measured < planned else str(measured)


def published_text(entry: Entry, quality: Metric) -> str:
    """Formats a published value as printed."""
    if entry.published is None:
        return NOT_APPLICABLE
    return f"{entry.published.text}{entry.published.unit or quality.unit}"


def difference(delta: float | None) -> str:
    """Formats the difference of two published values."""
    return NOT_APPLICABLE if delta is None else estimate(Estimate(delta, None, 1), signed=True)


def beside_texts(entry: Entry) -> tuple[str, ...]:
    """Formats what was published with a row's value by others than those of the guide's dense."""
    return tuple(f"{amount(p.column)} {p.text}{p.unit}" for p in entry.published_beside)


def grids(table: Table) -> list[Grid]:
    """Returns its grids: results, size, cost; the page's, files, latency where it has them."""
    page = [page_grid(table)] if table.spec.page else []
    latency = latency_grid(table)
    timed = [latency] if len(latency.columns) > latency.left else []
    weighed = files_grid(table)
    files = [weighed] if weighed.lines else []
    return [*page, results_grid(table), size_grid(table), *files, *timed, cost_grid(table)]


def measured_heading(table: Table) -> str:
    """What stands over measured values: with the scale, as published ones may differ in it."""
    return f"measured ({table.spec.scale} scale)"


PUBLISHED_HEADING = "published (full scale)"

# --- the published page's layout ------------------------------------------------------------


def page_grid(table: Table) -> Grid:
    """The published page's layout: a line a sparsity, model and dense cells merged.

    Each of the page's columns of numbers is a pair: as published, and as measured here. A
    sparsity that the page has no column for is in the grid of results alone.
    """
    spec = table.spec
    headings = [Column("Model")]
    for column in spec.page:
        headings += [
            Column(text, column.heading) for text in (PUBLISHED_HEADING, measured_heading(table))
        ]
        if column.sparsity_heading:
            headings.append(Column(column.sparsity_heading))
    numbers = {id(entry): i for i, entry in enumerate(table.entries)}
    lines: list[tuple[Place | None, ...]] = []
    for model in table.models:
        entries = [entry for entry in table.entries if entry.spec.model == model]
        stacks = [[e for e in entries if takes(column, e)] for column in spec.page]
        for i in range(max(1, *(len(stack) for stack in stacks))):
            line: list[Place | None] = [_stacked(model, "name") if i == 0 else None]
            for column, stack in zip(spec.page, stacks, strict=True):
                places = _page_places(column, stack, i, spec.quality)
                line += [
                    _of(p, numbers[id(stack[i])]) if p and i < len(stack) else p for p in places
                ]
            lines.append(tuple(line))
    return Grid("page", "In the guide's layout", tuple(headings), tuple(lines))


def _stacked(text: str, kind: str) -> Place:
    """A place of several parts, one below the other where there is room for lines."""
    first, *rest = re.split("(?<=,) ", text)
    return Place(first, kind, tuple(rest))


def _of(place: Place, entry: int) -> Place:
    return replace(place, entry=entry) if place.kind == "measured" else place


def takes(column: PageColumn, entry: Entry) -> bool:
    """Whether a row of the table stands in a column of the page."""
    sparsity = entry.spec.sparsity
    return family(sparsity) == column.family and column.only in (None, sparsity)


def _page_places(
    column: PageColumn, stack: list[Entry], i: int, quality: Metric
) -> list[Place | None]:
    width = 3 if column.sparsity_heading else 2
    if i >= len(stack):
        return [Place(NOT_APPLICABLE, "none") if i == 0 else None] * width
    entry = stack[i]
    places: list[Place | None] = [_page_published(entry, quality), _page_measured(entry, quality)]
    return (
        [*places, Place(amount(entry.spec.sparsity), "name")] if column.sparsity_heading else places
    )


def _page_published(entry: Entry, quality: Metric) -> Place:
    if entry.published is None:
        return Place(NOT_APPLICABLE, "published")
    delta = entry.published_difference
    below = () if delta is None else (f"({difference(delta)})",)
    return Place(published_text(entry, quality), "published", (*below, *beside_texts(entry)))


def _page_measured(entry: Entry, quality: Metric) -> Place:
    variant = (f"[{entry.spec.variant}]",) if entry.spec.variant else ()
    if entry.quality is None:
        return Place(NOT_RUN, "not run", variant)
    below = [] if entry.difference is None else [f"({estimate(entry.difference, signed=True)})"]
    if entry.control is not None:
        below.append(f"({estimate(entry.control, signed=True)} vs control)")
    seeds = f"n={entry.quality.n}"
    return Place(f"{estimate(entry.quality)}{quality.unit}", "measured", (*below, seeds, *variant))


# --- a line a row of cells ------------------------------------------------------------------

_Draw = Callable[[Entry], Place]


def _measured(draw: Callable[[Entry], str]) -> _Draw:
    """A column of what was measured: not run where nothing was."""

    def place(entry: Entry) -> Place:
        if entry.quality is None:
            return Place(NOT_RUN, "not run")
        text = draw(entry)
        return Place(text, "none" if text in (NOT_AVAILABLE, NOT_APPLICABLE) else "measured")

    return place


def _published(draw: Callable[[Entry], str]) -> _Draw:
    def place(entry: Entry) -> Place:
        return Place(draw(entry), "published")

    return place


def _beside_place(entry: Entry) -> Place:
    return _stacked(", ".join(beside_texts(entry)) or NOT_APPLICABLE, "published")


def _seeds_place(entry: Entry) -> Place:
    return Place(seeds_text(entry), "measured" if entry.runs else "not run")


def _row_grid(table: Table, key: str, title: str, columns: Sequence[tuple[str, _Draw]]) -> Grid:
    names: list[tuple[str, _Draw]] = [
        ("model", lambda e: _stacked(e.spec.model, "name")),
        ("sparsity", lambda e: Place(e.spec.sparsity, "name")),
    ]
    if any(entry.spec.variant for entry in table.entries):
        names.append(("variant", lambda e: Place(e.spec.variant or NOT_APPLICABLE, "name")))
    every = [*names, *columns]
    return Grid(
        key,
        title,
        tuple(Column(heading) for heading, _ in every),
        tuple(
            tuple(_of(draw(entry), i) for _, draw in every) for i, entry in enumerate(table.entries)
        ),
        left=len(names),
    )


def results_grid(table: Table) -> Grid:
    """Every row: measured, its difference from its own dense, and what was published."""
    quality = table.spec.quality
    return _row_grid(
        table, "results", "Results", _results(table, quality, f", {measured_heading(table)}")
    )


def _results(table: Table, quality: Metric, heading: str) -> list[tuple[str, _Draw]]:
    unit = f" ({quality.unit})" if quality.unit else ""
    columns: list[tuple[str, _Draw]] = [
        ("seeds", _seeds_place),
        (f"{quality.heading}{unit}{heading}", _measured(lambda e: estimate(e.quality))),
        ("vs own dense", _measured(difference_text)),
    ]
    if table.has_controls:
        columns.append(("vs control", _measured(_control_text)))
    if heading:
        columns += _certainty(table)
    if any(entry.published for entry in table.entries):
        columns += [
            (PUBLISHED_HEADING, _published(lambda e: published_text(e, quality))),
            ("published vs its dense", _published(lambda e: difference(e.published_difference))),
        ]
    if heading and any(entry.published_beside for entry in table.entries):
        columns.append(("published beside it", _beside_place))
    return columns


def _certainty(table: Table) -> list[tuple[str, _Draw]]:
    """How sure differences are, where any row can tell."""
    columns: list[tuple[str, _Draw]] = []
    if any(entry.p_holm is not None for entry in table.entries):
        columns.append(("p, seeds (Holm)", _measured(lambda e: _p_text(e.p_holm))))
    compared = table.comparisons
    if any(each.examples for each in compared):
        columns.append(("± test examples", _measured(_examples_text)))
    if any(each.p_examples is not None for each in compared):
        columns.append(("p, McNemar", _measured(_mcnemar_text)))
    if any(each.p_by_seed for each in compared):
        columns.append(("p, bootstrap, by seed", _measured(_by_seed_text)))
    return columns


def _by_seed_text(entry: Entry) -> str:
    by_seed = entry.comparison.p_by_seed if entry.comparison else ()
    return ", ".join(map(_p_text, by_seed)) or NOT_APPLICABLE


def _p_text(p: float | None) -> str:
    if p is None:
        return NOT_APPLICABLE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _examples_text(entry: Entry) -> str:
    examples = entry.comparison.examples if entry.comparison else None
    if examples is None or examples.half_width is None:
        return NOT_APPLICABLE
    return f"± {number(examples.half_width, 2)}"


def _mcnemar_text(entry: Entry) -> str:
    return _p_text(entry.comparison.p_examples if entry.comparison else None)


def difference_text(entry: Entry) -> str:
    """Formats a row's difference from its own dense."""
    return NOT_APPLICABLE if entry.is_dense else estimate(entry.difference, signed=True)


def _control_text(entry: Entry) -> str:
    if entry.is_dense or entry.spec.is_control:
        return NOT_APPLICABLE
    return estimate(entry.control, signed=True)


def size_grid(table: Table) -> Grid:
    """Every row: the sparsity reached beside its denominators, non-zeros and bytes."""
    columns = _columns(table, metrics.SIZE, denominators=True)
    return _row_grid(table, "size", "Sparsity reached, and size", columns)


def latency_grid(table: Table) -> Grid:
    """Every row: how many times as fast its files are as the dense network's."""
    columns = _columns(table, metrics.LATENCY)
    return _row_grid(table, "latency", "Latency, beside the dense float32 file", columns)


def cost_grid(table: Table) -> Grid:
    """Every row: what training cost."""
    columns = [("seeds", _seeds_place), *_columns(table, metrics.COST)]
    return _row_grid(table, "cost", "Cost", columns)


def summary_grid(table: Table) -> Grid:
    """What a terminal has room for: results, and of size what is asked first."""
    results = _results(table, table.spec.quality, heading="")
    return _row_grid(
        table, "summary", table.spec.title, [*results, *_columns(table, metrics.SUMMARY)]
    )


def _columns(table: Table, place: str, *, denominators: bool = False) -> list[tuple[str, _Draw]]:
    """The columns of the metrics shown in a place."""
    columns = []
    of_files = [metric for metric in metrics_of_files(table.entries) if place in metric.shown]
    for metric in [*metrics.shown(place), *of_files]:
        if metric.if_logged and not any(metric.name in e.values for e in table.entries):
            continue
        columns.append(_column(metric.of_table(table.spec.quality)))
        if denominators and metric.of:
            columns.append(_column(metrics.find(metric.of)))
        if metric.ratio:
            columns.append((metric.ratio[0], _measured(partial(_ratio_text, metric))))
    return columns


def _column(metric: Metric) -> tuple[str, _Draw]:
    return metric.heading, _measured(partial(_mean_text, metric))


def _mean_text(metric: Metric, entry: Entry) -> str:
    value = entry.values.get(metric.name)
    text = number(None if value is None else value * metric.factor, metric.digits)
    ends = [entry.values[name] for name in metric.spread or () if name in entry.values]
    if len(ends) == 2:
        low, high = (number(end * metric.factor, metric.digits) for end in ends)
        text = f"{text} ({low}–{high})"
    return text + FEWER * (metric.name in entry.fewer)


def _ratio_text(metric: Metric, entry: Entry) -> str:
    ratio = entry.reductions.get(metric.name)
    if ratio is None:
        return NOT_AVAILABLE
    return f"{ratio:.2f}×" + FEWER * (metric.name in entry.fewer)
