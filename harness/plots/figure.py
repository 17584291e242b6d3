"""How a figure becomes the same bytes for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import one_line
from harness.plots.style import INK, PAPER, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_STYLE: dict[Any, Any] = {
    # measured in the first, which comes with Matplotlib; the second is as wide, others are narrower
    "font.sans-serif": ["DejaVu Sans", "Verdana"],
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.labelcolor": INK,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "legend.facecolor": PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": RULE,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "text.hinting": "none",  # of no use at this size of pixel, and half the time that names take
    "svg.hashsalt": "harness",  # else ids in the file are random
    # text, not its outlines: it can be searched, and half the bytes are enough
    "svg.fonttype": "none",
}
#: Inches: around all, over axes with a title, under them with an axis' numbers, under the last with
#: its name as well, and beside them for half a number at the end.
_PAD, _TITLE, _TICKS, _AXIS, _HALF_NAME = 0.06, 0.33, 0.27, 0.27, 0.12
_GAP = 0.055  # inches between an axis' numbers and its name
_LEAST_WIDTH = 2.5  # inches of axes
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


def render(
    name: str,
    panels: Mapping[str, Callable[[Axes], None]],
    size: tuple[float, float],
    kinds: Collection[str] = ("png", "svg"),
) -> dict[str, bytes]:
    """Draws a figure off screen: file name -> content, the same for the same numbers.

    Args:
        name: Of the files.
        panels: Title -> what draws on the axes; one under the other, their steps named once.
        size: Width and height, inches.
        kinds: The formats, of PNG and SVG.
    """
    import matplotlib as mpl

    files = {}
    with mpl.rc_context(_STYLE):
        figure = drawn(panels, size)
        for kind in kinds:
            out = io.BytesIO()
            figure.savefig(out, format=kind, dpi=160, metadata=_METADATA[kind])
            files[f"{name}.{kind}"] = out.getvalue()
    return files


def drawn(panels: Mapping[str, Callable[[Axes], None]], size: tuple[float, float]) -> Figure:
    """Draws a figure, wider than `size` where names would crowd the axes; as `render` does."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)  # no window, and no global state of pyplot
    every = list(figure.subplots(len(panels), squeeze=False)[:, 0])
    for axes, (heading, draw) in zip(every, panels.items(), strict=True):
        draw(axes)
        # dollar signs are no formula; at its height: else each draw looks what is in its way
        axes.set_title(one_line(heading), y=1.0, parse_math=False)
        if axes is not every[-1]:
            axes.set_xlabel("")
    _lay_out(figure, every)
    return figure


def _lay_out(figure: Figure, every: Sequence[Axes]) -> None:
    """Places axes, one under the other, where there is room for what stands around them.

    What stands beside them is measured, of each once, and axes' names are put where that ends.
    Matplotlib's layouts measure all there is, of each twice, for which they take as long as it
    takes to draw it, and so do the names of axes that it is to find a place for.
    """
    width, height = figure.get_size_inches()
    each = (height - _AXIS - len(every) * (_TITLE + _TICKS)) / len(every)
    for number, axes in enumerate(reversed(every)):  # as high as they will be: so many numbers
        bottom = _AXIS + _TICKS + number * (each + _TITLE + _TICKS)
        left, _, across, _ = axes.get_position().bounds
        axes.set_position((left, bottom / height, across, each / height))
    numbers = [_left_of(axes) for axes in every]
    names = [_GAP + _width(axes.yaxis.label) if axes.get_ylabel() else 0.0 for axes in every]
    legends = [axes.get_legend() for axes in every]
    ends = [each.get_window_extent().x1 - each.axes.bbox.x1 for each in legends if each]
    # rounded: else the last bits of a sum would name what axes are cut by otherwise in the file
    left = round(max(map(sum, zip(numbers, names, strict=True))) + _PAD, 3)
    right = round(max([_HALF_NAME, *(end / figure.dpi for end in ends)]) + _PAD, 3)
    width = max(width, left + _LEAST_WIDTH + right)
    figure.set_size_inches(width, height)
    across = width - left - right
    for axes, beside in zip(every, numbers, strict=True):
        _, bottom, _, high = axes.get_position().bounds
        axes.set_position((left / width, bottom, across / width, high))
        axes.yaxis.set_label_coords(-(beside + _GAP) / across, 0.5)
        axes.xaxis.set_label_coords(0.5, -_TICKS / each)


def _left_of(axes: Axes) -> float:
    """Inches that an axis' numbers, or what was written in their place, take beside it."""
    name = axes.yaxis.label
    name.set_visible(False)
    axes.yaxis.set_label_coords(0, 0.5)  # it is not to look for its place
    written = [text.get_window_extent() for text in axes.texts if text.get_in_layout()]
    boxes = [box for box in (axes.yaxis.get_tightbbox(), *written) if box]
    name.set_visible(True)
    return max([0.0, *(axes.bbox.x0 - box.x0 for box in boxes)]) / axes.figure.dpi


def _width(text: Text) -> float:
    """Inches."""
    return text.get_window_extent().width / text.figure.dpi
