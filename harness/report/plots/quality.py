"""Quality against sparsity: measured with intervals, and as published."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.names import family, nominal
from harness.report.plots.style import (
    MUTED,
    colour,
    is_plotted,
    legend,
    marker,
    reached,
    render,
    title,
)
from harness.report.tables import Entry, Table

_DENSE = "dense"
_ASIDE = 1.0  # of the axis' 100


def against_sparsity(table: Table, name: str) -> dict[str, bytes]:
    """Draws quality against the sparsity reached.

    One colour a model; a dashed line and a band are its dense baseline and interval, a
    filled marker with a bar is a row of the table and its interval. Hollow markers are
    published values, at the sparsity that they are published for.
    """
    width = 6.4 if len(_models(table)) == 1 else 7.8
    return render(name, lambda figure: _draw(figure, table), (width, 4.2))


def axis_label(table: Table) -> str:
    """Names the measure of quality, with its unit."""
    quality = table.spec.quality
    return f"test {quality.name}" + (f" ({quality.unit})" if quality.unit else "")


def _models(table: Table) -> list[str]:
    return list(dict.fromkeys(e.spec.model for e in table.entries if e.quality is not None))


def _draw(figure: Figure, table: Table) -> None:
    axes = figure.add_subplot()
    models = _models(table)
    for i, model in enumerate(models):
        entries = [entry for entry in table.entries if entry.spec.model == model]
        shade = colour(i) if len(models) > 1 else None
        _draw_model(axes, entries, shade)
        _draw_published(axes, entries, shade)
    axes.set_xlabel("sparsity reached (% of prunable weights)")
    axes.set_ylabel(axis_label(table))
    title(axes, f"{table.spec.title} ({table.spec.scale} scale)")
    axes.set_xlim(0, 100)
    low, high = axes.get_ylim()
    if table.spec.quality.unit == "%" and high > 100:  # no axis beyond what can be
        axes.set_ylim(low, 100 + 0.02 * (100 - low))
    _draw_legend(axes, table, models)


def _draw_legend(axes: Axes, table: Table, models: list[str]) -> None:
    """Colours are models (of a single one, families), shapes are families of sparsities."""
    several = len(models) > 1
    kinds = list(dict.fromkeys(family(e.spec.sparsity) for e in table.entries if is_plotted(e)))
    handles = [Line2D([], [], color=colour(i), lw=3) for i, _ in enumerate(models) if several]
    handles.append(Line2D([], [], color=MUTED, linestyle="--", lw=1.2))
    handles += [
        Line2D([], [], linestyle="none", **marker(kind, MUTED if several else colour(i)))
        for i, kind in enumerate(kinds)
    ]
    labels = [*(models if several else []), _DENSE, *kinds]
    if any(e.published for e in table.entries if e.spec.model in models):
        hollow = {**marker("random", MUTED, hollow=True), "linestyle": "none"}
        handles.append(Line2D([], [], **hollow))
        labels.append("hollow: published, full scale")
    has_intervals = any(e.quality.half_width for e in table.entries if e.quality)
    note = "bars, band: 95% interval over seeds" if has_intervals else None
    place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if several else {}
    legend(axes, handles, labels, title=note, **place)


def _draw_model(axes: Axes, entries: list[Entry], shade: str | None) -> None:
    """Draws one model: in one colour, or (None) in a colour a family of sparsities."""
    for entry in entries:
        if entry.is_dense and entry.quality is not None:
            mean, half = entry.quality.mean, entry.quality.half_width
            line = shade or MUTED
            axes.axhline(mean, color=line, linestyle="--", lw=1.2)
            if half is not None:
                axes.axhspan(mean - half, mean + half, color=line, alpha=0.1, lw=0)
    points = [entry for entry in entries if is_plotted(entry)]
    taken: list[float] = []
    for i, kind in enumerate(dict.fromkeys(family(entry.spec.sparsity) for entry in points)):
        members = sorted(
            (entry for entry in points if family(entry.spec.sparsity) == kind), key=reached
        )
        xs = [_free(reached(entry), taken) for entry in members]
        taken += xs
        _draw_family(axes, members, xs, shade or colour(i), kind)


def _free(x: float, taken: list[float]) -> float:
    """Moves a point aside, so that the bars of equal sparsities do not cover each other."""
    while near := [other for other in taken if abs(x - other) < 0.99 * _ASIDE]:
        x = max(near) + _ASIDE
    return x


def _draw_family(axes: Axes, members: list[Entry], xs: list[float], shade: str, kind: str) -> None:
    estimates = [entry.quality for entry in members if entry.quality is not None]
    halves = [estimate.half_width or 0.0 for estimate in estimates]
    axes.errorbar(
        xs,
        [estimate.mean for estimate in estimates],
        yerr=halves if any(halves) else None,
        color=shade,
        linestyle="-" if len(members) > 1 and not any(e.spec.variant for e in members) else "none",
        lw=1.5,
        capsize=3,
        zorder=3,
        **marker(kind, shade),
    )


def _draw_published(axes: Axes, entries: list[Entry], shade: str | None) -> None:
    """Draws what was published of the rows of a model, measured or not."""
    kinds = list(dict.fromkeys(family(e.spec.sparsity) for e in entries if is_plotted(e)))
    seen = set()
    for entry in entries:
        at = nominal(entry.spec.sparsity)
        if entry.published is None or at is None or entry.published in seen:
            continue
        seen.add(entry.published)
        kind = family(entry.spec.sparsity)
        own = colour(kinds.index(kind)) if kind in kinds else MUTED
        axes.plot(
            [at],
            [entry.published.value],
            linestyle="none",
            zorder=2,
            clip_on=False,
            **marker(kind, shade or own, hollow=True),
        )
