"""The sparsity that each layer reached."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.names import family
from harness.report.plots.style import colour, is_plotted, legend, marker, render, title
from harness.report.tables import Entry, Table

#: Inches a layer, and at most in all: InceptionV3 has 95.
_ROW, _TALLEST = 0.24, 24.0


def layer_sparsity(table: Table, name: str, model: str) -> dict[str, bytes]:
    """Draws a line a pruned weight of a model, and a marker on it for each row of the table."""
    entries = [e for e in table.entries if e.spec.model == model and is_plotted(e) and e.layers]
    paths = list(dict.fromkeys(path for entry in entries for path in entry.layers))
    if not paths:
        return {}
    height = min(_TALLEST, 1.3 + max(_ROW * len(paths), 0.2 * len(entries)))
    return render(name, lambda figure: _draw(figure, entries, paths, model), (7.4, height))


def _draw(figure: Figure, entries: list[Entry], paths: list[str], model: str) -> None:
    axes = figure.add_subplot()
    handles = []
    for i, entry in enumerate(entries):
        look = marker(family(entry.spec.sparsity), colour(i))
        shown = [path for path in paths if path in entry.layers]
        axes.plot(
            [100 * entry.layers[path] for path in shown],
            [paths.index(path) for path in shown],
            linestyle="none",
            alpha=0.85,
            clip_on=False,
            **look,
        )
        handles.append(Line2D([], [], linestyle="none", **look))
    axes.set_yticks(range(len(paths)), paths, parse_math=False, fontsize=8)
    axes.set_ylim(len(paths) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.set_xlabel("zeros (% of the weight's values)")
    title(axes, f"{model}: sparsity by layer")
    names = [entry.spec.name for entry in entries]
    legend(axes, handles, names, loc="upper left", bbox_to_anchor=(1.02, 1.0))
