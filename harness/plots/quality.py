"""Quality against sparsity: measured with intervals, and as published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from harness.plots.labels import keep_possible
from harness.plots.points import kinds, lines, sparse, tell
from harness.plots.style import MUTED, colour, legend, marker, points, sample, shapes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Rows that are no points but lines with bands -> how these are drawn.
_LINES: dict[str, Any] = {"dense": "--", "control": ":"}
_ASIDE = 1.0  # of the axis' 100
_ROOM = 7  # lines of a legend that the axes have room for


def draw(axes: Axes, frame: pd.DataFrame, label: str = "quality") -> None:
    """Draws quality against the sparsity reached.

    One colour a model; a dashed line and a band are its dense baseline and interval, a dotted
    one its control, a filled marker with a bar is a row of the table and its interval. Hollow
    markers are published values, at the sparsity that they are published for.

    Args:
        axes: Where to.
        frame: From `harness.report.frame.to_frame`, or `table.csv`.
        label: Of the axis of quality.
    """
    rows = tell(frame)
    models = list(dict.fromkeys(rows.loc[rows["mean"].notna(), "model"]))
    forms = shapes(rows["family"])
    for i, model in enumerate(models):
        own = rows[rows["model"] == model]
        shade = colour(i) if len(models) > 1 else None
        _draw_model(axes, own, forms, shade, aside=i * _ASIDE / len(models))
        _draw_published(axes, own, forms, shade)
    axes.set_xlabel("sparsity reached (% of prunable weights)")
    axes.set_ylabel(label)
    axes.set_xlim(0, 100)
    keep_possible(axes, rows)
    _draw_legend(axes, rows, forms, models)


def _draw_legend(
    axes: Axes, rows: pd.DataFrame, forms: Mapping[str, str], models: list[str]
) -> None:
    """Colours are models (of a single one, families), shapes are families of sparsities."""
    several = len(models) > 1
    families = kinds(rows)
    measured = rows[rows["mean"].notna()]
    baselines = [name for name in _LINES if name == "dense" or name in set(measured["sparsity"])]
    handles = [sample(color=colour(i), lw=3) for i, _ in enumerate(models) if several]
    handles += [sample(color=MUTED, linestyle=_LINES[name], lw=1.2) for name in baselines]
    handles += [
        sample(linestyle="none", **marker(forms[kind], MUTED if several else colour(i)))
        for i, kind in enumerate(families)
    ]
    labels = [*(models if several else []), *baselines, *families]
    if rows.loc[rows["model"].isin(models), "published_full_scale"].notna().any():
        hollow = {**marker("o", MUTED, hollow=True), "linestyle": "none"}
        handles.append(sample(**hollow))
        labels.append("hollow: published, full scale")
    has_intervals = (measured["half_width_95"].fillna(0) != 0).any()
    note = "bars, band: 95% interval over seeds" if has_intervals else None
    beside = several or len(labels) > _ROOM
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if beside else {}
    legend(axes, handles, labels, title=note, **place)


def _draw_model(
    axes: Axes, rows: pd.DataFrame, forms: Mapping[str, str], shade: str | None, aside: float
) -> None:
    """Draws one model: in one colour, or (None) in a colour a family of sparsities."""
    drawn = rows["sparsity"].isin(_LINES) & rows["mean"].notna()
    for row in lines(rows[drawn], "sparsity", "mean", "half_width_95"):
        line = shade or MUTED
        axes.axhline(row.mean, color=line, linestyle=_LINES[row.sparsity], lw=1.2)
        if pd.notna(row.half_width_95):
            low, high = row.mean - row.half_width_95, row.mean + row.half_width_95
            axes.axhspan(low, high, color=line, alpha=0.1, lw=0)
    taken: list[float] = []
    for i, (kind, group) in enumerate(sparse(rows).groupby("family", sort=False)):
        members = group.sort_values("reached", kind="stable")
        xs = [_free(x + aside, taken) for x in members["reached"]]
        taken += xs
        _draw_family(axes, members, xs, shade or colour(i), forms[str(kind)])


def _free(x: float, taken: list[float]) -> float:
    """Moves a point aside, so that the bars of equal sparsities do not cover each other."""
    while near := [other for other in taken if abs(x - other) < 0.99 * _ASIDE]:
        x = max(near) + _ASIDE
    return x


def _draw_family(
    axes: Axes, members: pd.DataFrame, xs: list[float], shade: str, shape: str
) -> None:
    named = zip(xs, members["mean"], members["variant"], strict=True)
    plain = [(x, mean) for x, mean, variant in named if not variant]
    if len(plain) > 1:  # what is set up otherwise is no point of the same line
        axes.plot(*zip(*plain, strict=True), color=shade, lw=1.5, zorder=3)
    points(axes, xs, members["mean"], members["half_width_95"], marker(shape, shade))


def _draw_published(
    axes: Axes, rows: pd.DataFrame, forms: Mapping[str, str], shade: str | None
) -> None:
    """Draws what was published of the rows of a model, measured or not."""
    families = kinds(rows)
    known = rows[rows["published_full_scale"].notna() & rows["nominal"].notna()]
    known = known.drop_duplicates(["sparsity", "published_full_scale"])
    for row in lines(known, "family", "nominal", "published_full_scale"):
        own = colour(families.index(row.family)) if row.family in families else MUTED
        axes.plot(
            [row.nominal],
            [float(row.published_full_scale)],
            linestyle="none",
            zorder=2,
            clip_on=False,
            **marker(forms[row.family], shade or own, hollow=True),
        )
