"""The plots of a table, drawn off screen: which there are, and what goes into each."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import pandas as pd

from harness.plots import layers, quality, schedule, trade
from harness.plots.figure import render
from harness.plots.points import sparse, tell
from harness.plots.schedule import REACHED, SCHEDULED
from harness.report.entries import Entry
from harness.report.escape import file_name
from harness.report.frame import layer_frame, to_frame
from harness.report.plot_names import LAYERS, SCHEDULE, against
from harness.report.tables import Table
from harness.tracking.runs import Histories, Uri, read_histories

#: The metrics whose histories the plot of schedules shows.
HISTORY_KEYS = (SCHEDULED, REACHED)
#: So many families of sparsities of several models are told apart on one axis.
_FEW_FAMILIES = 3


class Drawing(NamedTuple):
    """A figure that is yet to be drawn; the fields are the arguments of `plots.figure.render`."""

    name: str
    panels: Mapping[str, Callable[[Any], None]]
    size: tuple[float, float]


def draw_plots(
    table: Table, histories: Histories | None = None, kinds: Collection[str] = ("png", "svg")
) -> dict[str, bytes]:
    """Draws all plots that a table has numbers for: file name -> content.

    Args:
        table: The table; nothing is drawn where nothing sparse was measured.
        histories: From `histories_drawn`, for the schedule as run.
        kinds: The formats, of PNG and SVG.
    """
    files: dict[str, bytes] = {}
    for drawing in drawings(table, histories or {}):
        files |= render(*drawing, kinds)
    return files


def drawings(table: Table, histories: Histories) -> Iterator[Drawing]:
    """Says what there is to draw; the arguments are those of `draw_plots`."""
    frame = tell(to_frame(table))
    measured = sparse(frame)
    if measured.empty:
        return
    heading = f"{table.spec.title} ({table.spec.scale} scale)"
    measure = table.spec.quality
    label = f"{measure.split} {measure.heading}" + (f" ({measure.unit})" if measure.unit else "")
    stem = _slug(measure.heading.replace("-", ""))
    width = 6.4 if frame.loc[frame["mean"].notna(), "model"].nunique() == 1 else 7.8
    panels = of_models(frame, measured, heading)
    drawn = {name: partial(quality.draw, frame=rows, label=label) for name, rows in panels.items()}
    size = (width, 4.2 if len(panels) == 1 else 0.6 + 3.4 * len(panels))
    yield Drawing(against("sparsity", stem), drawn, size)
    if measured["gzip_bytes"].notna().any():
        drawn_bytes = partial(trade.draw, frame=frame, label=label)
        yield Drawing(against("bytes", stem), {heading: drawn_bytes}, (7.4, 4.2))
    yield from _of_best_files(frame, measured, stem, heading, label)
    yield from _layers(layer_frame(table), list(dict.fromkeys(measured["model"])))
    yield from _schedules(schedule_frame(table, histories))


def of_models(frame: pd.DataFrame, measured: pd.DataFrame, heading: str) -> dict[str, pd.DataFrame]:
    """Title -> rows of each panel against sparsity: one a model, where one alone crowds the axis.

    Args:
        frame: From `to_frame`.
        measured: Of it, the sparse rows that were measured.
        heading: Of the plot.
    """
    families = measured.groupby("model", sort=False)["family"].nunique()
    if len(families) == 1 or families.max() <= _FEW_FAMILIES:
        return {heading: frame}
    return {f"{heading}: {model}": frame[frame["model"] == model] for model in families.index}


def _of_best_files(
    frame: pd.DataFrame, measured: pd.DataFrame, stem: str, heading: str, label: str
) -> Iterator[Drawing]:
    """What the smallest and the fastest file of each row cost, and are worth by themselves.

    Times of different runs are not comparable, factors of one run are: a row's milliseconds are
    the typical ones of its model's dense network, divided by its factor.
    """
    typical = frame.groupby("model")["dense_ms"].transform("median")
    frame = frame.assign(latency_ms=typical / frame["fastest_speedup"])
    of_file = f"{label}, the file's own"
    for name, cost, worth, known, axis in (
        ("best_bytes", "best_bytes", "best_quality", "best_bytes", "bytes of the smallest file"),
        ("latency", "latency_ms", "fastest_quality", "fastest_speedup",
         "ms an example, the fastest file, one thread"),
    ):  # fmt: skip
        if measured[known].notna().any() and measured[worth].notna().any():
            draw = partial(
                trade.draw, frame=frame, cost=cost, label=of_file, quality=worth, axis=axis
            )
            yield Drawing(against(name, stem), {heading: draw}, (7.4, 4.2))


def _layers(frame: pd.DataFrame, models: list[str]) -> Iterator[Drawing]:
    """A plot a model, of its sparse rows."""
    slugs = [_slug(model) for model in models]
    for number, (model, slug) in enumerate(zip(models, slugs, strict=True), start=1):
        rows = frame[(frame["model"] == model) & ~frame["sparsity"].isin(["dense", "control"])]
        if rows.empty:
            continue
        own = slug if slug and slugs.count(slug) == 1 else f"{slug}_{number}"
        name = f"{LAYERS}_{own}" if len(models) > 1 else LAYERS
        panel = {f"{model}: sparsity by layer": partial(layers.draw, frame=rows)}
        yield Drawing(file_name(name), panel, (7.4, layers.height(rows)))


def _schedules(frame: pd.DataFrame) -> Iterator[Drawing]:
    """A panel a model."""
    panels = {
        f"{model}: sparsity as run (dashed: as scheduled)": partial(schedule.draw, frame=rows)
        for model, rows in frame.groupby("model", sort=False)
    }
    if panels:
        yield Drawing(SCHEDULE, panels, (7.4, 0.8 + 2.9 * len(panels)))


def _scheduled(table: Table) -> list[tuple[Entry, str]]:
    """The measured sparse rows, and the run that trained the first seed of each.

    A cell that was only measured otherwise has the weights of another one's run, where the
    steps are.
    """
    return [
        (e, e.runs[0].tags.get("harness.trained_run_id", e.runs[0].run_id))
        for e in table.entries
        if e.runs and "sparsity/prunable" in e.values and not (e.is_dense or e.spec.is_control)
    ]


def runs_drawn(table: Table) -> list[str]:
    """The runs whose histories the plot of schedules shows."""
    return [run_id for _, run_id in _scheduled(table)]


def histories_drawn(table: Table, uri: Uri) -> Histories:
    """Reads what the plot of schedules shows.

    Raises:
        TrackingError: They cannot be read.
    """
    return read_histories(uri, runs_drawn(table), HISTORY_KEYS)


def schedule_frame(table: Table, histories: Histories) -> pd.DataFrame:
    """Returns a line a step of each run drawn, fractions; without those of less than two steps.

    Args:
        table: The table.
        histories: Of `runs_drawn`.
    """
    lines = []
    for entry, run_id in _scheduled(table):
        steps = histories.get(run_id, {})
        if len(steps.get(SCHEDULED, [])) > 1:
            name = f"{entry.spec.name}, seed {entry.runs[0].seed}"
            for key in HISTORY_KEYS:
                lines += [
                    (entry.spec.model, name, key, step, value) for step, value in steps.get(key, [])
                ]
    return pd.DataFrame(lines, columns=["model", "name", "metric", "step", "value"])


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
