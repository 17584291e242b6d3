"""Plots of a table: each a `draw(axes, frame)`, for a notebook as for the report.

    frame = pandas.read_csv("results/demo/table.csv", na_values=["n/a", "not run"])
    quality.draw(axes, frame)

`draw_plots` draws all of them off screen, the same bytes for the same numbers.
"""

import re

import pandas as pd
from matplotlib.figure import Figure

from harness.report.escape import file_name
from harness.report.frame import layer_frame, sparse, to_frame
from harness.report.plots import layers, quality, schedule, trade
from harness.report.plots.schedule import REACHED, SCHEDULED, runs_drawn
from harness.report.plots.style import render, title
from harness.report.tables import Table
from harness.tracking.runs import Histories

__all__ = ["HISTORY_KEYS", "draw_plots", "layers", "quality", "runs_drawn", "schedule", "trade"]

#: The metrics whose histories `draw_plots` takes.
HISTORY_KEYS = (SCHEDULED, REACHED)


def draw_plots(table: Table, histories: Histories | None = None) -> dict[str, bytes]:
    """Draws all plots that a table has numbers for: file name -> content, PNG and SVG.

    Args:
        table: The table; nothing is drawn where nothing sparse was measured.
        histories: Of the runs in `runs_drawn(table)`, for the schedule as run.
    """
    frame = to_frame(table)
    measured = sparse(frame)
    if measured.empty:
        return {}
    heading = f"{table.spec.title} ({table.spec.scale} scale)"
    measure = table.spec.quality
    label = f"test {measure.heading}" + (f" ({measure.unit})" if measure.unit else "")
    stem = _slug(measure.heading.replace("-", ""))

    def against_sparsity(figure: Figure) -> None:
        axes = figure.add_subplot()
        quality.draw(axes, frame, label)
        title(axes, heading)

    def against_bytes(figure: Figure) -> None:
        axes = figure.add_subplot()
        trade.draw(axes, frame, label=label)
        title(axes, heading)

    width = 6.4 if frame.loc[frame["mean"].notna(), "model"].nunique() == 1 else 7.8
    files = render(f"{stem}_vs_sparsity", against_sparsity, (width, 4.2))
    if measured["gzip_bytes"].notna().any():
        files |= render(f"{stem}_vs_bytes", against_bytes, (7.4, 4.2))
    files |= _layers(layer_frame(table), list(dict.fromkeys(measured["model"])))
    return files | _schedules(schedule.to_frame(table, histories or {}))


def _layers(frame: pd.DataFrame, models: list[str]) -> dict[str, bytes]:
    """A plot a model."""
    files: dict[str, bytes] = {}
    slugs = [_slug(model) for model in models]
    for number, (model, slug) in enumerate(zip(models, slugs, strict=True), start=1):
        rows = sparse_layers(frame, model)
        if rows.empty:
            continue
        own = slug if slug and slugs.count(slug) == 1 else f"{slug}_{number}"
        name = f"layer_sparsity_{own}" if len(models) > 1 else "layer_sparsity"

        def draw(figure: Figure, rows: pd.DataFrame = rows, model: str = model) -> None:
            axes = figure.add_subplot()
            layers.draw(axes, rows)
            title(axes, f"{model}: sparsity by layer")

        files |= render(file_name(name), draw, (7.4, layers.height(rows)))
    return files


def sparse_layers(frame: pd.DataFrame, model: str) -> pd.DataFrame:
    """Returns the lines of a model's sparse rows."""
    return frame[(frame["model"] == model) & ~frame["sparsity"].isin(["dense", "control"])]


def _schedules(frame: pd.DataFrame) -> dict[str, bytes]:
    """A panel a model."""
    if frame.empty:
        return {}
    models = list(dict.fromkeys(frame["model"]))

    def draw(figure: Figure) -> None:
        panels = figure.subplots(len(models), squeeze=False)[:, 0]
        for axes, model in zip(panels, models, strict=True):
            schedule.draw(axes, frame[frame["model"] == model])
            title(axes, f"{model}: sparsity as run (dashed: as scheduled)")
            axes.set_xlabel("")
        panels[-1].set_xlabel(schedule.STEPS)

    return render("sparsity_schedule", draw, (7.4, 0.8 + 2.9 * len(models)))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
