"""The sparsity that each layer reached."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from harness.errors import one_line
from harness.plots.points import family
from harness.plots.style import colour, legend, marker

#: Inches a layer, and at most in all: InceptionV3 has 95.
_ROW, _TALLEST = 0.24, 24.0


def height(frame: pd.DataFrame) -> float:
    """The height in inches at which all names of a plot can be read."""
    rows = len(frame[["sparsity", "variant"]].drop_duplicates())
    return min(_TALLEST, 1.3 + max(_ROW * frame["weight"].nunique(), 0.2 * rows))


def draw(axes: Axes, frame: pd.DataFrame) -> None:
    """Draws a line a pruned weight, and a marker on it for each row of the table.

    Args:
        axes: Where to.
        frame: Of one model, a line a row and weight: `sparsity` and `variant` (its name), `weight`,
            `sparsity_reached` (a fraction).
    """
    paths = list(dict.fromkeys(frame["weight"]))
    handles, names = [], []
    for i, (keys, rows) in enumerate(frame.groupby(["sparsity", "variant"], sort=False)):
        sparsity, variant = map(str, keys)
        look = marker(family(sparsity), colour(i))
        axes.plot(
            [100 * share for share in rows["sparsity_reached"]],
            [paths.index(path) for path in rows["weight"]],
            linestyle="none",
            alpha=0.85,
            clip_on=False,
            **look,
        )
        handles.append(Line2D([], [], linestyle="none", **look))
        names.append(f"{sparsity} ({variant})" if variant else sparsity)
    axes.set_yticks(range(len(paths)), list(map(one_line, paths)), parse_math=False, fontsize=8)
    axes.set_ylim(len(paths) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.set_xlabel("zeros (% of the weight's values)")
    if len(names) > 1:
        legend(axes, handles, names, loc="upper left", bbox_to_anchor=(1.02, 1.0))
