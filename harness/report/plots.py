"""Plots of a table, drawn off screen and the same bytes for the same numbers."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.spec import family
from harness.report.tables import Entry, Table

#: Okabe and Ito's colours, told apart by readers of every colour vision:
#: https://jfly.uni-koeln.de/color/
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DENSE = "dense"
_DENSE_COLOUR = "#444444"
_MARKERS = {"random": "o", "2 by 4": "D"}
_OTHER_MARKERS = ("s", "^", "v", "P", "X")
_ASIDE = 1.2  # of the axis' 100
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
    measured = [entry for entry in table.entries if entry.quality is not None]
    models = list(dict.fromkeys(entry.spec.model for entry in measured))
    figure = Figure(figsize=(6.4 if len(models) == 1 else 8.4, 4.2), layout="constrained")
    FigureCanvasAgg(figure)  # no window, and no global state of pyplot
    axes = figure.add_subplot()
    for i, model in enumerate(models):
        entries = [entry for entry in measured if entry.spec.model == model]
        _draw_model(axes, entries, _colour(i) if len(models) > 1 else None)
    _draw_frame(axes, table, any(e.quality.half_width for e in measured if e.quality))
    try:
        yield figure
    finally:
        figure.clear()


def _draw_frame(axes: Axes, table: Table, has_intervals: bool) -> None:
    quality = table.spec.quality
    axes.set_xlabel("sparsity reached (% of prunable weights)")
    axes.set_ylabel(f"test {quality.name}" + (f" ({quality.unit})" if quality.unit else ""))
    axes.set_title(table.spec.title, loc="left", fontsize=11, parse_math=False)
    axes.set_xlim(0, 100)
    low, high = axes.get_ylim()
    if quality.unit == "%" and high > 100:  # no axis beyond what can be
        axes.set_ylim(low, 100 + 0.02 * (100 - low))
    _draw_legend(axes, table, "bars, band: 95% interval over seeds" if has_intervals else None)


def _draw_legend(axes: Axes, table: Table, title: str | None) -> None:
    """One model: beside its curves. Several: outside, colours for models, markers for kinds."""
    handles, labels = axes.get_legend_handles_labels()
    models = list(dict.fromkeys(e.spec.model for e in table.entries if e.quality is not None))
    place: dict[str, Any] = {"framealpha": 0.9, "edgecolor": "none", "fontsize": 9}
    if len(models) > 1:
        kinds = dict.fromkeys(family(e.spec.sparsity) for e in table.entries if _is_plotted(e))
        handles = [Line2D([], [], color=_colour(i), lw=3) for i, _ in enumerate(models)]
        handles += [Line2D([], [], color=_DENSE_COLOUR, linestyle="--", lw=1.2)]
        handles += [
            Line2D([], [], linestyle="none", **_marker(kind, _DENSE_COLOUR)) for kind in kinds
        ]
        labels = [*models, _DENSE, *kinds]
        place |= {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    legend = axes.legend(handles, labels, title=title, title_fontsize=8, alignment="left", **place)
    for text in legend.get_texts():
        text.set_parse_math(False)  # a name with dollar signs is not a formula


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _marker(kind: str, colour: str) -> dict[str, Any]:
    """Returns the marker of a family of sparsities: filled for random, open for structures."""
    other = _OTHER_MARKERS[sum(kind.encode()) % len(_OTHER_MARKERS)]
    return {
        "marker": _MARKERS.get(kind, other),
        "markersize": 7,
        "markeredgecolor": colour,
        "markerfacecolor": colour if kind == "random" else "white",
        "markeredgewidth": 1.5,
    }


def _draw_model(axes: Axes, entries: list[Entry], colour: str | None) -> None:
    """Draws one model: in one colour, or (None) in a colour a family of sparsities."""
    for entry in entries:
        if entry.is_dense and entry.quality is not None:
            mean, half = entry.quality.mean, entry.quality.half_width
            shade = colour or _DENSE_COLOUR
            axes.axhline(mean, color=shade, linestyle="--", lw=1.2, label=_DENSE)
            if half is not None:
                axes.axhspan(mean - half, mean + half, color=shade, alpha=0.1, lw=0)
    points = [entry for entry in entries if _is_plotted(entry)]
    taken: list[float] = []
    for i, kind in enumerate(dict.fromkeys(family(entry.spec.sparsity) for entry in points)):
        members = sorted(
            (entry for entry in points if family(entry.spec.sparsity) == kind), key=_reached
        )
        xs = [_free(_reached(entry), taken) for entry in members]
        taken += xs
        _draw_family(axes, members, xs, colour or _colour(i), kind)


def _reached(entry: Entry) -> float:
    return 100 * (entry.sparsity_prunable or 0.0)


def _free(x: float, taken: list[float]) -> float:
    """Moves a point aside, so that the bars of equal sparsities do not cover each other."""
    while any(abs(x - other) < _ASIDE for other in taken):
        x += _ASIDE
    return x


def _draw_family(axes: Axes, members: list[Entry], xs: list[float], colour: str, kind: str) -> None:
    estimates = [entry.quality for entry in members if entry.quality is not None]
    halves = [estimate.half_width or 0.0 for estimate in estimates]
    axes.errorbar(
        xs,
        [estimate.mean for estimate in estimates],
        yerr=halves if any(halves) else None,
        color=colour,
        linestyle="-" if len(members) > 1 else "none",
        lw=1.5,
        capsize=3,
        label=kind,
        zorder=3,
        **_marker(kind, colour),
    )
