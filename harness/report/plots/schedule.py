"""The sparsity schedule as it was run, step by step."""

import pandas as pd
from matplotlib.axes import Axes

from harness.report.entries import Entry
from harness.report.plots.style import MUTED, colour, legend
from harness.report.tables import Table
from harness.tracking.runs import Histories

#: The metrics of a run that tell it: what the last refresh was to reach, and what is so.
SCHEDULED, REACHED = "sparsity/scheduled", "sparsity/reached"
STEPS = "step of fine-tuning"


def _drawn(table: Table) -> list[Entry]:
    return [
        e
        for e in table.entries
        if e.runs and "sparsity/prunable" in e.values and not (e.is_dense or e.spec.is_control)
    ]


def runs_drawn(table: Table) -> list[str]:
    """The runs whose histories the plot shows: of each measured sparse row, the first seed's."""
    return [entry.runs[0].run_id for entry in _drawn(table)]


def to_frame(table: Table, histories: Histories) -> pd.DataFrame:
    """Returns a line a step of each run drawn, fractions; without those of less than two steps.

    Args:
        table: The table.
        histories: Of `runs_drawn`.
    """
    lines = []
    for entry in _drawn(table):
        run = entry.runs[0]
        steps = histories.get(run.run_id, {})
        if len(steps.get(SCHEDULED, [])) > 1:
            name = f"{entry.spec.name}, seed {run.seed}"
            for key in (SCHEDULED, REACHED):
                lines += [
                    (entry.spec.model, name, key, step, value) for step, value in steps.get(key, [])
                ]
    return pd.DataFrame(lines, columns=["model", "name", "metric", "step", "value"])


def draw(axes: Axes, frame: pd.DataFrame) -> None:
    """Draws sparsity against the step of fine-tuning, a line a row, as scheduled and as run.

    Args:
        axes: Where to.
        frame: Of one model, from `to_frame`.
    """
    handles, names = [], []
    for i, (name, rows) in enumerate(frame.groupby("name", sort=False)):
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
        names.append(str(name))
    axes.set_ylim(0, 100)
    axes.set_ylabel("zeros (% of prunable)")
    axes.set_xlabel(STEPS)
    legend(axes, handles, names, loc="upper left", bbox_to_anchor=(1.02, 1.0))
