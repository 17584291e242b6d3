"""Plots of a table, drawn off screen and the same bytes for the same numbers."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.report.spec import family
from harness.report.tables import Entry, Table

#: Okabe and Ito's colours, told apart by readers of every colour vision:
#: https://jfly.uni-koeln.de/color/
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = {"random": "o", "2 by 4": "D", "dense": "_"}
_OTHER_MARKERS = ("s", "^", "v", "P", "X")
_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "svg.hashsalt": "harness",  # else ids in the file are random
    "svg.fonttype": "path",  # the file looks the same without the fonts
}


def plot_names(table: Table) -> list[str]:
    """Returns the file names of a table's plots; none where nothing sparse was measured."""
    if not any(_is_plotted(entry) for entry in table.entries):
        return []
    stem = "_".join(table.spec.quality.name.lower().replace("-", "").split())
    return [f"{stem}_vs_sparsity.png", f"{stem}_vs_sparsity.svg"]


def draw_plots(table: Table) -> dict[str, bytes]:
    """Draws quality against the sparsity reached: file name -> content, PNG and SVG.

    One colour a model; a dashed line and a band are its dense baseline and interval, a
    marker with a bar is a row of the table and its interval.
    """
    files = {}
    with mpl.rc_context(_STYLE):
        for name in plot_names(table):
            out = io.BytesIO()
            kind = name.rpartition(".")[2]
            metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
            with _quality_figure(table) as figure:
                figure.savefig(out, format=kind, dpi=160, metadata=metadata)
            files[name] = out.getvalue()
    return files


def _is_plotted(entry: Entry) -> bool:
    return entry.quality is not None and not entry.is_dense and entry.sparsity_prunable is not None


@contextmanager
def _quality_figure(table: Table) -> Iterator[Figure]:
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    FigureCanvasAgg(figure)  # no window, and no global state of pyplot
    axes = figure.add_subplot()
    models = list(dict.fromkeys(e.spec.model for e in table.entries if e.quality is not None))
    for model, colour in zip(models, _COLOURS * len(models), strict=False):
        entries = [e for e in table.entries if e.spec.model == model and e.quality is not None]
        _draw_model(axes, entries, colour, f"{model} " if len(models) > 1 else "")
    quality = table.spec.quality
    axes.set_xlabel("sparsity reached (% of prunable weights)")
    axes.set_ylabel(f"test {quality.name}" + (f" ({quality.unit})" if quality.unit else ""))
    axes.set_title(table.spec.title, loc="left", fontsize=11)
    axes.set_xlim(-3, 103)
    low, high = axes.get_ylim()
    if quality.unit == "%" and high > 100:
        axes.set_ylim(low, 100 + 0.02 * (100 - low))
    axes.legend(frameon=False, fontsize=9, loc="best")
    try:
        yield figure
    finally:
        figure.clear()


def _draw_model(axes: Axes, entries: list[Entry], colour: str, prefix: str) -> None:
    for entry in entries:
        if entry.is_dense and entry.quality is not None:
            mean, half = entry.quality.mean, entry.quality.half_width
            axes.axhline(mean, color=colour, linestyle="--", lw=1, label=f"{prefix}dense")
            if half is not None:
                axes.axhspan(mean - half, mean + half, color=colour, alpha=0.12, lw=0)
    points = [entry for entry in entries if _is_plotted(entry)]
    for kind in dict.fromkeys(family(entry.spec.sparsity) for entry in points):
        members = sorted(
            (e for e in points if family(e.spec.sparsity) == kind),
            key=lambda e: e.sparsity_prunable or 0.0,
        )
        _draw_family(axes, members, colour, f"{prefix}{kind}", kind)


def _draw_family(axes: Axes, members: list[Entry], colour: str, label: str, kind: str) -> None:
    xs = [100 * (e.sparsity_prunable or 0.0) for e in members]
    ys = [e.quality.mean for e in members if e.quality]
    halves = [(e.quality.half_width or 0.0) for e in members if e.quality]
    is_random = kind == "random"
    axes.errorbar(
        xs,
        ys,
        yerr=halves if any(halves) else None,
        color=colour,
        marker=_MARKERS.get(kind, _OTHER_MARKERS[sum(kind.encode()) % len(_OTHER_MARKERS)]),
        markersize=7,
        markerfacecolor=colour if is_random else "white",
        markeredgewidth=1.5,
        linestyle="-" if len(members) > 1 else "none",
        lw=1.5,
        capsize=3,
        label=label,
        zorder=3 if is_random else 4,
    )
