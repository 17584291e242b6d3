"""The sparsity schedule as it was run, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from harness.plots.points import alike
from harness.plots.style import MUTED, colour, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The metrics of a run that tell it: what the last refresh was to reach, and what is so.
SCHEDULED, REACHED = "sparsity/scheduled", "sparsity/reached"


def draw(axes: Axes, frame: pd.DataFrame) -> None:
    """Draws sparsity against the step of fine-tuning, a line a row, as scheduled and as run.

    Args:
        axes: Where to.
        frame: Of one model, a line a step: `name` (of the row), `metric` (one of `SCHEDULED` and
            `REACHED`), `step`, `value` (a fraction).
    """
    handles, names = [], []
    for i, (name, rows) in enumerate(alike(frame, ["metric", "step", "value"]).items()):
        for key, style in ((SCHEDULED, "--"), (REACHED, "-")):
            steps = rows[rows["metric"] == key]
            (line,) = axes.plot(
                steps["step"].tolist(),
                [100 * value for value in steps["value"]],
                style,
                color=MUTED if key == SCHEDULED else colour(i),
                lw=1.0 if key == SCHEDULED else 2.0,
                zorder=3 if key == SCHEDULED else 2,
                drawstyle="steps-post",
            )
        handles.append(line)
        names.append(name)
    axes.set_ylim(0, 100)
    axes.set_ylabel("zeros (% of prunable)")
    axes.set_xlabel("step of fine-tuning")
    legend(axes, handles, names, loc="upper left", bbox_to_anchor=(1.02, 1.0))
