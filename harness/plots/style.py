"""How plots look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any

import pandas as pd

from harness.errors import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

#: Okabe and Ito's colours, told apart by readers of every colour vision:
#: https://jfly.uni-koeln.de/color/
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
#: The HTML page puts its own colours, light and dark, in the place of these.
INK, MUTED, RULE, PAPER = "#1a1a1b", "#6b6b6c", "#e6e6e7", "#ffffff"
_MARKERS = {"dense": "*", "control": "P", "random": "o", "2 by 4": "D"}
_OTHER_MARKERS = ("s", "^", "v", "X", "p", "<", ">", "h")
#: Letters a line of a legend: beside axes, two fifths of a figure's width.
_NAME = 40


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


def sample(**look: Any) -> Line2D:
    """What a legend shows of lines or points that look so."""
    from matplotlib.lines import Line2D

    return Line2D([], [], **look)


def points(
    axes: Axes, xs: Iterable[float], ys: Iterable[float], halves: Any, look: Mapping[str, Any]
) -> None:
    """Draws points that look alike, with bars of their intervals where these have a width.

    Args:
        axes: Where to.
        xs: Of each point.
        ys: Of each point.
        halves: Half of each one's interval, unknown or 0 where it has none; None if all have none.
        look: From `marker`.
    """
    bars = pd.to_numeric(pd.Series(halves, dtype=object)).fillna(0.0).tolist()
    axes.errorbar(
        list(xs),
        list(ys),
        yerr=bars if any(bars) else None,
        color=look["markeredgecolor"],
        linestyle="none",
        capsize=3,
        zorder=3,
        **look,
    )


def legend_lines(labels: Iterable[str]) -> int:
    """The lines that `legend` takes, each 0.2 inches at most."""
    return sum(1 + _wrapped(label).count("\n") for label in labels)


def _wrapped(label: str) -> str:
    return fill(one_line(label), _NAME, break_on_hyphens=False)


def legend(axes: Axes, handles: Any, labels: list[str], **options: Any) -> None:
    """Draws a legend without taking names for formulas; long ones take several lines."""
    place = {"framealpha": 0.9, "edgecolor": "none", "fontsize": 9, "alignment": "left"}
    drawn = axes.legend(
        handles, [_wrapped(label) for label in labels], title_fontsize=8, **{**place, **options}
    )
    for text in drawn.get_texts():
        text.set_parse_math(False)
