"""Names beside points, as they come out of the renderer; axes that end where values do."""

import itertools

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.plots.labels import keep_possible, name_points


@pytest.fixture
def axes():
    figure = Figure(figsize=(7, 4))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 10)
    return axes


def names(axes):
    axes.figure.canvas.draw()
    return {text.get_text(): text.get_window_extent() for text in axes.texts}


@pytest.mark.parametrize("gap", [0.0, 0.05, 0.2, 0.6])
def test_no_name_covers_another(axes, gap):
    points = [(5 + i * gap, 5 + i * gap / 4, f"{50 + i} %") for i in range(4)]
    name_points(axes, points)
    boxes = names(axes)
    assert len(boxes) == 4
    for one, other in itertools.combinations(boxes.values(), 2):
        assert not one.overlaps(other)


def test_a_name_stands_clear_of_other_points(axes):
    # the first place, above on the right, is another's point
    name_points(axes, [(5, 5, "50 %"), (5.25, 5.3, "")])
    (box,) = names(axes).values()
    x, y = axes.transData.transform((5.25, 5.3))
    assert not (box.x0 <= x <= box.x1 and box.y0 <= y <= box.y1)


@pytest.mark.parametrize("x", [0.1, 5, 9.9])
def test_a_name_stands_clear_of_bars_and_of_the_edge(axes, x):
    points = [(x, 9.9, "control"), (x, 4, "control"), (x, 0.1, "control")]
    name_points(axes, points, [0.0, 2.0, 0.0])
    axes.figure.canvas.draw()
    foot, head = (axes.transData.transform((x, y)) for y in (2, 6))
    for text in axes.texts:
        box = text.get_window_extent()
        assert axes.bbox.x0 <= box.x0
        assert box.x1 <= axes.bbox.x1
        crosses = box.x0 <= foot[0] <= box.x1 and box.y0 <= head[1] and foot[1] <= box.y1
        assert not crosses


@pytest.mark.parametrize(
    ("unit", "limits", "expected"),
    [("%", (-20, 130), (0, 102)), ("%", (90, 99), (90, 99)), ("", (-3, 130), (0, 130))],
)
def test_quality_ends_where_it_can(axes, unit, limits, expected):
    axes.set_ylim(*limits)
    keep_possible(axes, pd.DataFrame({"unit": [unit]}))
    assert axes.get_ylim() == pytest.approx(expected)
