"""How plots look, and how a figure becomes the same bytes for the same numbers."""

import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from textwrap import fill
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.errors import one_line

#: Okabe and Ito's colours, told apart by readers of every colour vision:
#: https://jfly.uni-koeln.de/color/
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
#: The HTML page puts its own colours, light and dark, in the place of these.
INK, MUTED, RULE, PAPER = "#1a1a1b", "#6b6b6c", "#e6e6e7", "#ffffff"
_MARKERS = {"dense": "*", "control": "P", "random": "o", "2 by 4": "D"}
_OTHER_MARKERS = ("s", "^", "v", "X", "p", "<", ">", "h")
_STYLE: dict[Any, Any] = {
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
    "svg.hashsalt": "harness",  # else ids in the file are random
    "svg.fonttype": "path",  # the file looks the same without the fonts
}
#: Letters a line of a legend: beside axes, two fifths of a figure's width.
_NAME = 40
#: Inches: around all, over axes with a title, under them with an axis' numbers, under the last with
#: its name as well, and beside them for half a number at the end.
_PAD, _TITLE, _TICKS, _AXIS, _HALF_NAME = 0.06, 0.33, 0.27, 0.27, 0.12
_LEAST_WIDTH = 2.5  # inches of axes
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


def colour(number: int) -> str:
    """The colour of the model, or the family, of this number."""
    return COLOURS[number % len(COLOURS)]


def shapes(families: Iterable[str]) -> dict[str, str]:
    """The markers of a plot's families of sparsities, no two alike while there are shapes.

    A family has the same one in most plots: where another has it already, it takes the next.
    """
    kinds = list(dict.fromkeys(families))
    found = {kind: _MARKERS[kind] for kind in kinds if kind in _MARKERS}
    for kind in [kind for kind in kinds if kind not in _MARKERS]:
        own = sum(kind.encode()) % len(_OTHER_MARKERS)
        order = [*_OTHER_MARKERS[own:], *_OTHER_MARKERS[:own]]
        found[kind] = next((each for each in order if each not in found.values()), order[0])
    return found


def marker(shape: str, shade: str, *, hollow: bool = False) -> dict[str, Any]:
    """How a point is drawn: filled if measured, hollow if published."""
    return {
        "marker": shape,
        "markersize": 11 if shape == "*" else 7,
        "markeredgecolor": shade,
        "markerfacecolor": PAPER if hollow else shade,
        "markeredgewidth": 1.5,
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


def legend_lines(labels: Iterable[str]) -> int:
    """The lines that `legend` takes, each 0.2 inches at most."""
    return sum(1 + _wrapped(label).count("\n") for label in labels)


def _wrapped(label: str) -> str:
    return fill(one_line(label), _NAME, break_on_hyphens=False)


def _lay_out(figure: Figure, every: Sequence[Axes]) -> None:
    """Places axes, one under the other, where there is room for what stands around them.

    What stands beside them is measured, of each once. Matplotlib's layouts measure all there is,
    of each twice, for which they take as long as it takes to draw it.
    """
    left = right = 0.0
    for axes in every:
        box, names, beside = axes.bbox, axes.yaxis.get_tightbbox(), axes.get_legend()
        left = max(left, box.x0 - names.x0 if names else 0.0)
        right = max(right, beside.get_window_extent().x1 - box.x1 if beside else 0.0)
    left, right = left / figure.dpi + _PAD, max(right / figure.dpi, _HALF_NAME) + _PAD
    width, height = figure.get_size_inches()
    width = max(width, left + _LEAST_WIDTH + right)
    figure.set_size_inches(width, height)
    each = (height - _AXIS - len(every) * (_TITLE + _TICKS)) / len(every)
    for number, axes in enumerate(reversed(every)):
        bottom = _AXIS + _TICKS + number * (each + _TITLE + _TICKS)
        place = (left / width, bottom / height, (width - left - right) / width, each / height)
        axes.set_position(place)


def legend(axes: Axes, handles: Any, labels: list[str], **options: Any) -> None:
    """Draws a legend without taking names for formulas; long ones take several lines."""
    place = {"framealpha": 0.9, "edgecolor": "none", "fontsize": 9, "alignment": "left"}
    drawn = axes.legend(
        handles, [_wrapped(label) for label in labels], title_fontsize=8, **{**place, **options}
    )
    for text in drawn.get_texts():
        text.set_parse_math(False)
