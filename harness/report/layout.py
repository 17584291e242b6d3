"""Lays a table out as a grid of text: the plain table, or the published page's.

A grid is what every format draws; it knows nothing of Markdown, HTML or LaTeX.
"""

from dataclasses import dataclass

from harness.report.spec import PageColumn, Quality, amount, family
from harness.report.statistics import Estimate
from harness.report.tables import Entry, Table

NOT_RUN = "not run"
NOT_AVAILABLE = "n/a"
NOT_APPLICABLE = "–"

#: A place of the grid; None continues the place above it (a merged cell).
Place = str | None


@dataclass(frozen=True)
class Grid:
    """Headings and lines of text. `left` counts the leading columns of names."""

    headings: tuple[str, ...]
    lines: tuple[tuple[Place, ...], ...]
    left: int = 1


def number(value: float | None, digits: int) -> str:
    """Formats a number with thousands separators; n/a where there is none."""
    if value is None:
        return NOT_AVAILABLE
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text


def estimate(value: Estimate | None, *, signed: bool = False) -> str:
    """Formats a mean ± interval; the mean alone for one seed.

    Example:
        >>> estimate(Estimate(98.5333, 0.2117, 3))
        '98.53 ± 0.21'
    """
    if value is None:
        return NOT_AVAILABLE
    mean = number(value.mean, 2)
    if signed and not mean.startswith("-") and float(mean.replace(",", "")) != 0:
        mean = f"+{mean}"
    mean = mean.replace("-", "−")
    return mean if value.half_width is None else f"{mean} ± {number(value.half_width, 2)}"


def plain_grid(table: Table) -> Grid:
    """One line a row of cells, with everything measured about it."""
    unit = f" ({table.spec.quality.unit})" if table.spec.quality.unit else ""
    name = table.spec.quality.name
    headings = [
        "model",
        "sparsity",
        "seeds",
        f"{name}{unit}",
        "vs own dense",
        "zeros of prunable (%)",
        "zeros of all (%)",
        "bytes",
        "gzip bytes",
        "× smaller (gzip)",
    ]
    has_published = any(entry.published for entry in table.entries)
    lines = [_plain_line(entry) for entry in table.entries]
    if has_published:
        headings.append("published")
        lines = [
            [*line, published_text(e, table.spec.quality)]
            for line, e in zip(lines, table.entries, strict=True)
        ]
    return Grid(tuple(headings), tuple(tuple(line) for line in lines), left=2)


def _plain_line(entry: Entry) -> list[Place]:
    names: list[Place] = [entry.spec.model, entry.spec.sparsity]
    if entry.quality is None:
        return [*names, "0", *[NOT_RUN] * 7]
    ratio = entry.gzip_reduction
    return [
        *names,
        seeds_text(entry),
        estimate(entry.quality),
        NOT_APPLICABLE if entry.is_dense else estimate(entry.difference, signed=True),
        _percent(entry.sparsity_prunable),
        _percent(entry.sparsity_all),
        number(entry.bytes_raw, 0),
        number(entry.bytes_gzip, 0),
        NOT_AVAILABLE if ratio is None else f"{ratio:.2f}×",
    ]


def seeds_text(entry: Entry) -> str:
    """Says how many seeds were measured, and of how many planned if fewer."""
    planned = len(entry.spec.seeds)
    measured = len(entry.runs)
    return f"{measured} of {planned}" if measured < planned else str(measured)


def published_text(entry: Entry, quality: Quality) -> str:
    """Formats a published value as printed, with its difference from its own dense."""
    if entry.published is None:
        return NOT_APPLICABLE
    delta = entry.published_difference
    text = f"{entry.published.text}{entry.published.unit or quality.unit}"
    if delta is None:
        return text
    return f"{text} ({estimate(Estimate(delta, None, 1), signed=True)})"


def _percent(fraction: float | None) -> str:
    return NOT_AVAILABLE if fraction is None else number(fraction * 100, 2)


def page_grid(table: Table) -> Grid:
    """The published page's layout: a line a sparsity, model and dense cells merged."""
    columns = table.spec.page
    headings = ["Model"]
    for column in columns:
        headings.append(column.heading)
        if column.sparsity_heading:
            headings.append(column.sparsity_heading)
    lines: list[tuple[Place, ...]] = []
    for model in dict.fromkeys(entry.spec.model for entry in table.entries):
        entries = [entry for entry in table.entries if entry.spec.model == model]
        stacks = [[e for e in entries if family(e.spec.sparsity) == c.family] for c in columns]
        for i in range(max(1, *(len(stack) for stack in stacks))):
            line: list[Place] = [model if i == 0 else None]
            for column, stack in zip(columns, stacks, strict=True):
                line += _page_places(column, stack, i, table.spec.quality)
            lines.append(tuple(line))
    return Grid(tuple(headings), tuple(lines))


def _page_places(column: PageColumn, stack: list[Entry], i: int, quality: Quality) -> list[Place]:
    places: list[Place]
    width = 2 if column.sparsity_heading else 1
    if i >= len(stack):
        places = [NOT_APPLICABLE if i == 0 else None]
        return places * width
    entry = stack[i]
    places = [_page_text(entry, quality)]
    return [*places, amount(entry.spec.sparsity)] if column.sparsity_heading else places


def _page_text(entry: Entry, quality: Quality) -> str:
    if entry.quality is None:
        measured = NOT_RUN
    else:
        measured = f"{estimate(entry.quality)}{quality.unit}"
        if not entry.is_dense and entry.difference is not None:
            measured += f" ({estimate(entry.difference, signed=True)})"
        measured += f", n={entry.quality.n}"
    if entry.published is None:
        return measured
    return f"{measured} [published {published_text(entry, quality)}]"
