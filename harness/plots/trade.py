"""Quality against what it costs to ship or to run: bytes, milliseconds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from harness.errors import one_line
from harness.plots.labels import keep_possible, name_points
from harness.plots.points import amount, kinds, lines, tell
from harness.plots.style import INK, MUTED, colour, legend, marker, points, sample, shapes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Points that are not on the front bear a name only where there are few.
_FEW = 14
#: Costs that differ so many times stand on a logarithmic axis; the ticks of a narrower one overlap.
_WIDE = 5.0
#: And such as differ more than so many times have ticks at powers of ten alone.
_FAR = 100.0
#: An axis that is not logarithmic spans such a part of the largest cost at least.
_LEAST_SPAN = 0.2
#: The mark of the entropy, mostly left of its point.
_BOUND: dict[str, Any] = {"marker": "|", "color": INK, "linestyle": "none", "markersize": 9}


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Finds the Pareto front: the points that no other is as cheap as and better than.

    Args:
        points: Cost (less is better) and quality (more is better).

    Returns:
        The numbers of the points on the front, from the cheapest to the best.

    Example:
        >>> front([(1, 5), (2, 4), (3, 9)])
        [0, 2]
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    chosen: list[int] = []
    for i in order:
        if not chosen or points[i][1] > points[chosen[-1]][1]:
            chosen.append(i)
    return chosen


def draw(
    axes: Axes,
    frame: pd.DataFrame,
    cost: str = "gzip_bytes",
    label: str = "quality",
    *,
    quality: str = "mean",
    axis: str = "",
) -> None:
    """Draws quality with its intervals against a cost, and a Pareto front of the means a test set.

    Colours are models; of a single one, families of sparsities, as in the plot against sparsity.
    Beside what the smallest file costs stands the entropy of its masks and values, where it is
    known.

    Args:
        axes: Where to.
        frame: From `harness.report.frame.to_frame`, or `table.csv`.
        cost: The column of what a row costs.
        label: Of the axis of quality.
        quality: The column of the quality that is had for that cost: a file's own, where it is
            not the model's. Intervals are known of the latter.
        axis: What the axis of the cost says; by default the cost's own words.
    """
    rows = tell(frame)
    rows = rows[rows[quality].notna() & rows[cost].notna()].reset_index(drop=True)
    models = list(dict.fromkeys(rows["model"]))
    fronts = list(_fronts(rows, cost, quality))
    best = {i for each in fronts for i in each}
    bound = _draw_bounds(axes, rows, quality) if cost == "best_bytes" else math.inf
    alone = len(models) == 1
    shades = _shades(rows) if alone else dict.fromkeys(rows["family"], MUTED)
    forms = shapes(rows["family"])
    for _, group in rows.groupby(["model", "family"], sort=False):
        model, kind = group[["model", "family"]].iloc[0]
        look = marker(forms[kind], shades[kind] if alone else colour(models.index(model)))
        halves = group["half_width_95"] if quality == "mean" else None
        points(axes, group[cost], group[quality], halves, look)
    for each in fronts:
        xs, ys = rows.loc[each, cost], rows.loc[each, quality]
        axes.plot(xs, ys, color=MUTED, lw=1.2, drawstyle="steps-post", zorder=1)
    _scale(axes, min(rows[cost].min(), bound), rows[cost].max(), in_bytes=cost.endswith("bytes"))
    axes.margins(x=0.12)  # room for the names
    _spread(axes, rows[cost].max())
    keep_possible(axes, rows)
    name_points(
        axes,
        [
            (
                getattr(row, cost),
                getattr(row, quality),
                one_line(amount(row.sparsity)) if i in best or len(rows) <= _FEW else "",
            )
            for i, row in enumerate(lines(rows, cost, quality, "sparsity"))
        ],
        rows["half_width_95"].fillna(0.0) if quality == "mean" else (),
    )
    axes.set_xlabel(axis or _axis(rows, cost))
    axes.set_ylabel(label)
    _draw_legend(axes, shades, forms, [] if alone else models, bounded=bound < math.inf)


def _fronts(rows: pd.DataFrame, cost: str, quality: str) -> Iterator[list[int]]:
    """The rows on the front of each test set: the quality on one says nothing of another."""
    data = rows["data"].fillna("") if "data" in rows else pd.Series("", rows.index)
    for _, own in rows.groupby(data, sort=False):
        yield own.index[front(list(zip(own[cost], own[quality], strict=True)))].tolist()


def _spread(axes: Axes, most: float) -> None:
    """Has the axis of costs span a good part of them, lest a few thousandths look like news."""
    low, high = axes.get_xlim()
    if (missing := _LEAST_SPAN * most - (high - low)) > 0:
        axes.set_xlim(low - missing / 2, high + missing / 2)


def _scale(axes: Axes, least: float, most: float, *, in_bytes: bool) -> None:
    """Has far costs stand on a logarithmic axis, with as many ticks as their words have room."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    times = most / least if least > 0 else 1.0
    if times >= _WIDE:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if times < _FAR else (1.0,)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        if times < _FAR:  # there are enough
            axes.minorticks_off()
    axes.xaxis.set_major_formatter(EngFormatter() if in_bytes else "{x:g}")  # 500 k, 2 M


def _shades(rows: pd.DataFrame) -> dict[str, str]:
    """Families of sparsities -> their colours; what is not pruned has none."""
    pruned = {kind: colour(number) for number, kind in enumerate(kinds(rows))}
    return {kind: pruned.get(kind, MUTED) for kind in rows["family"]}


def _draw_bounds(axes: Axes, rows: pd.DataFrame, quality: str) -> float:
    """Draws the entropy of masks and 8-bit values, up to what a file takes.

    Returns:
        The least of it; infinite where nothing is known.
    """
    known = rows[rows["bound_bytes"].notna()]
    if known.empty:
        return math.inf
    least, worth = known["bound_bytes"], known[quality]
    axes.hlines(worth, least, known["best_bytes"], color=MUTED, lw=0.8, zorder=1)
    axes.plot(least, worth, **_BOUND, zorder=2)
    return float(least.min())


def _axis(rows: pd.DataFrame, cost: str) -> str:
    """What a cost's axis says."""
    if cost != "gzip_bytes":
        return cost.replace("_", " ")
    files = list(dict.fromkeys(rows["file"]))
    return f"bytes of {files[0] if len(files) == 1 else 'the exported file'}, gzipped"


def _draw_legend(
    axes: Axes,
    shades: Mapping[str, str],
    forms: Mapping[str, str],
    models: Sequence[str],
    *,
    bounded: bool,
) -> None:
    handles = [sample(color=colour(i), lw=3) for i in range(len(models))]
    handles += [
        sample(linestyle="none", **marker(forms[kind], shade)) for kind, shade in shades.items()
    ]
    handles.append(sample(color=MUTED, lw=1.2))
    names = [*models, *shades, "Pareto front"]
    if bounded:
        handles.append(sample(**_BOUND))
        names.append("entropy (estimate)")
    legend(
        axes,
        handles,
        names,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
    )
