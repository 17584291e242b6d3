"""The sparsity that each layer reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from harness.errors import one_line
from harness.plots.labels import name_lines
from harness.plots.points import alike, family, row_name
from harness.plots.style import colour, legend, legend_lines, marker, sample, shapes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches a layer, and at most in all: InceptionV3 has 95.
_ROW, _TALLEST = 0.24, 24.0


def height(frame: pd.DataFrame) -> float:
    """The height in inches at which all names of a plot can be read."""
    named = legend_lines(_rows(frame))
    return min(_TALLEST, 1.3 + max(_ROW * frame["weight"].nunique(), 0.2 * named))


def draw(axes: Axes, frame: pd.DataFrame) -> None:
    """Draws a line a pruned weight, and a marker on it for each row of the table.

    Args:
        axes: Where to.
        frame: Of one model, a line a row and weight: `sparsity` and `variant` (its name), `weight`,
            `sparsity_reached` (a fraction).
    """
    paths = list(dict.fromkeys(frame["weight"]))
    forms = shapes(frame["sparsity"].map(family))
    handles, names = [], []
    for i, (name, rows) in enumerate(_rows(frame).items()):
        look = marker(forms[family(rows["sparsity"].iloc[0])], colour(i))
        axes.plot(
            [100 * share for share in rows["sparsity_reached"]],
            [paths.index(path) for path in rows["weight"]],
            linestyle="none",
            alpha=0.85,
            clip_on=False,
            **look,
        )
        handles.append(sample(linestyle="none", **look))
        names.append(name)
    name_lines(axes, list(map(one_line, paths)))
    axes.set_ylim(len(paths) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.set_xlabel("zeros (% of the weight's values)")
    if len(names) > 1:
        legend(axes, handles, names, loc="upper left", bbox_to_anchor=(1.02, 1.0))


def _rows(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    named = frame.assign(name=row_name(frame))
    return alike(named, ["sparsity", "weight", "sparsity_reached"])
