"""Quality against what it costs to ship or to run: bytes, milliseconds."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.escape import one_line
from harness.report.names import amount, family
from harness.report.plots.quality import axis_label
from harness.report.plots.style import INK, MUTED, colour, legend, marker, render, title
from harness.report.tables import Entry, Table

#: Points that are not on the front bear a name only where there are few.
_FEW = 14
#: Costs that differ so many times stand on a logarithmic axis; the ticks of a narrower one overlap.
_WIDE = 5.0
Cost = Callable[[Entry], float | None]


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Finds the Pareto front: the points that no other is as cheap as and better than.

    Args:
        points: Cost (less is better) and quality (more is better).

    Returns:
        The numbers of the points on the front, from the cheapest to the best.

    Example:
        >>> front([(1, 5), (2, 4), (3, 9)])
        [0, 2]
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    chosen: list[int] = []
    for i in order:
        if not chosen or points[i][1] > points[chosen[-1]][1]:
            chosen.append(i)
    return chosen


def against_cost(table: Table, name: str, cost: Cost, label: str) -> dict[str, bytes]:
    """Draws quality with its intervals against a cost, and the Pareto front of the means.

    Args:
        table: The table.
        name: Of the files.
        cost: What a row costs; None leaves it out.
        label: Of the cost's axis.
    """
    return render(name, lambda figure: _draw(figure, table, cost, label), (7.4, 4.2))


def _draw(figure: Figure, table: Table, cost: Cost, label: str) -> None:
    axes = figure.add_subplot()
    found = [
        (entry, x, entry.quality)
        for entry in table.entries
        if entry.quality is not None and (x := cost(entry)) is not None
    ]
    models = list(dict.fromkeys(entry.spec.model for entry, _, _ in found))
    best = front([(x, quality.mean) for _, x, quality in found])
    for i, (entry, x, quality) in enumerate(found):
        shade = colour(models.index(entry.spec.model))
        axes.errorbar(
            [x],
            [quality.mean],
            yerr=[quality.half_width] if quality.half_width else None,
            color=shade,
            capsize=3,
            linestyle="none",
            zorder=3,
            **marker(family(entry.spec.sparsity), shade),
        )
        if i in best or len(found) <= _FEW:
            axes.annotate(
                one_line(amount(entry.spec.sparsity)),
                (x, quality.mean),
                xytext=(6, 5),
                textcoords="offset points",
                fontsize=8,
                color=INK,
                parse_math=False,
            )
    axes.plot(
        [found[i][1] for i in best],
        [found[i][2].mean for i in best],
        color=MUTED,
        lw=1.2,
        drawstyle="steps-post",
        zorder=1,
    )
    costs = [x for _, x, _ in found]
    if min(costs) > 0 and max(costs) >= _WIDE * min(costs):
        axes.set_xscale("log")
    axes.margins(x=0.12)  # room for the names
    axes.set_xlabel(label)
    axes.set_ylabel(axis_label(table))
    title(axes, f"{table.spec.title} ({table.spec.scale} scale)")
    _draw_legend(axes, [entry for entry, _, _ in found], models)


def _draw_legend(axes: Axes, entries: list[Entry], models: list[str]) -> None:
    kinds = list(dict.fromkeys(family(entry.spec.sparsity) for entry in entries))
    handles = [Line2D([], [], color=colour(i), lw=3) for i in range(len(models))]
    handles += [Line2D([], [], linestyle="none", **marker(kind, MUTED)) for kind in kinds]
    handles.append(Line2D([], [], color=MUTED, lw=1.2))
    legend(
        axes,
        handles,
        [*models, *kinds, "Pareto front"],
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
    )
