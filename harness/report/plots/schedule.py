"""The sparsity schedule as it was run, step by step."""

from matplotlib.figure import Figure

from harness.report.plots.style import MUTED, colour, is_plotted, legend, render, title
from harness.report.tables import Entry, Table
from harness.tracking.reader import Histories

#: The metrics of a run that tell it: what the last refresh was to reach, and what is so.
SCHEDULED, REACHED = "sparsity/scheduled", "sparsity/reached"


def runs_drawn(table: Table) -> list[str]:
    """The runs whose histories the plot shows: of each measured sparse row, the first seed's."""
    return [entry.runs[0].run_id for entry in table.entries if is_plotted(entry)]


def sparsity_schedule(table: Table, name: str, histories: Histories) -> dict[str, bytes]:
    """Draws sparsity against the step of fine-tuning, a panel a model, a line a row.

    Args:
        table: The table.
        name: Of the files.
        histories: Of `runs_drawn`; a run that logged less than two steps is left out.
    """
    panels: dict[str, list[Entry]] = {}
    for entry in table.entries:
        if not is_plotted(entry):
            continue
        steps = histories.get(entry.runs[0].run_id, {})
        if len(steps.get(SCHEDULED, [])) > 1:
            panels.setdefault(entry.spec.model, []).append(entry)
    if not panels:
        return {}
    size = (7.4, 0.8 + 2.9 * len(panels))
    return render(name, lambda figure: _draw(figure, panels, histories), size)


def _draw(figure: Figure, panels: dict[str, list[Entry]], histories: Histories) -> None:
    every = figure.subplots(len(panels), squeeze=False)[:, 0]
    for axes, (model, entries) in zip(every, panels.items(), strict=True):
        handles = []
        for i, entry in enumerate(entries):
            history = histories[entry.runs[0].run_id]
            for key, style in ((SCHEDULED, "--"), (REACHED, "-")):
                steps = history.get(key, [])
                (line,) = axes.plot(
                    [step for step, _ in steps],
                    [100 * value for _, value in steps],
                    style,
                    color=MUTED if key == SCHEDULED else colour(i),
                    lw=1.0 if key == SCHEDULED else 2.0,
                    zorder=3 if key == SCHEDULED else 2,
                    drawstyle="steps-post",
                )
            handles.append(line)
        names = [f"{entry.spec.name}, seed {entry.runs[0].seed}" for entry in entries]
        axes.set_ylim(0, 100)
        axes.set_ylabel("zeros (% of prunable)")
        title(axes, f"{model}: sparsity as run (dashed: as scheduled)")
        legend(axes, handles, names, loc="upper left", bbox_to_anchor=(1.02, 1.0))
    every[-1].set_xlabel("step of fine-tuning")
