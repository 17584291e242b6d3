"""How training went: a metric over the steps, in training and in validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from harness.plots.style import colour, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The parts of the data whose metrics stand on one pair of axes -> their numbers of colours.
_SPLITS = {"train": 0, "val": 1}


def names(frame: pd.DataFrame) -> list[str]:
    """The metrics that a frame has of any part of the data: `loss` of `train/loss`."""
    columns = (str(column).partition("/") for column in frame)
    return sorted({name for split, _, name in columns if split in _SPLITS})


def draw(axes: Axes, frame: pd.DataFrame, name: str = "loss") -> None:
    """Draws a metric against the optimizer step, a line each of training and validation.

    Args:
        axes: Where to.
        frame: A line a moment: `step`, and a column a metric: `train/loss`, `val/loss`.
        name: Of the metric, as `names` has it.
    """
    found = [split for split in _SPLITS if f"{split}/{name}" in frame]
    drawn = []
    for split in found:
        points = frame[["step", f"{split}/{name}"]].dropna()
        drawn += axes.plot(
            *(points[column].tolist() for column in points),
            color=colour(_SPLITS[split]),
            marker="o",
            markersize=3,
        )
    axes.set_xlabel("step")
    axes.set_ylabel(name)
    legend(axes, drawn, found)
