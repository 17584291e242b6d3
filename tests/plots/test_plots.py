"""Plots on the axes of a notebook, and off screen."""

import itertools
import re
from functools import partial

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from harness.plots import curves, layers, quality, trade
from harness.plots.figure import drawn, render
from harness.plots.points import amount, family, nominal, tell
from harness.plots.style import shapes
from harness.plots.trade import front

POINTS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=12)


@given(POINTS)
def test_the_front_is_what_no_other_point_beats(points):
    chosen = front(points)

    def beaten(point):
        return any(
            cost <= point[0] and quality >= point[1] and (cost, quality) != point
            for cost, quality in points
        )

    assert {points[i] for i in chosen} == {point for point in points if not beaten(point)}
    costs = [points[i][0] for i in chosen]
    assert costs == sorted(set(costs))


@given(st.lists(st.text("abc", max_size=4), max_size=7), st.permutations(["random", "2 by 4"]))
def test_families_of_a_plot_have_shapes_of_their_own(others, known):
    kinds = [*others, *known]
    found = shapes(kinds)
    assert len(set(found.values())) == len(set(kinds))
    assert (found["random"], found["2 by 4"]) == ("o", "D")


def test_permuted_and_sr_ste_are_told_apart():
    found = shapes(["random", "2 by 4", "2 by 4 permuted", "2 by 4 SR-STE"])
    assert len(set(found.values())) == 4


def test_family_and_amount():
    assert (family("random 87.5%"), amount("random 87.5%")) == ("random", "87.5%")
    assert (family("2 by 4"), amount("2 by 4")) == ("2 by 4", "2 by 4")


@pytest.mark.parametrize(
    ("label", "share"),
    [("dense", 0.0), ("random 87.5%", 87.5), ("2 by 4", 50.0), ("1 by 4", 75.0), ("odd", None)],
)
def test_what_a_name_promises(label, share):
    assert nominal(label) == share


def rows_of(*rows):
    """A table of one model: sparsity, variant, share of zeros, quality, bytes."""
    columns = ["sparsity", "variant", "sparsity_prunable", "mean", "gzip_bytes"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(
        model="m", unit="%", half_width_95=1.0, published_full_scale=None, file="the file"
    )


def test_a_variant_is_a_family_of_its_own_beside_a_row_that_has_none():
    late = "sparsity.schedule.end=0.8 sparsity.allocation.kind=erk"
    told = tell(rows_of(("random 50%", "", 0.5, 60, 5), ("random 50%", late, 0.5, 61, 5)))
    assert told["family"].tolist() == ["random", "random, schedule.end=0.8 allocation.kind=erk"]
    speakers = ("dataset.speaker=theo", "dataset.speaker=lucas")
    told = tell(rows_of(*(("random 50%", speaker, 0.5, 60, 5) for speaker in speakers)))
    assert told["family"].tolist() == ["random", "random"]


def test_the_line_of_a_family_leaves_its_variants_out():
    frame = rows_of(
        ("dense", "", 0.0, 63, 10),
        ("random 50%", "", 0.5, 62, 5),
        ("random 50%", "sparsity.schedule.end=0.8", 0.5, 61, 5),
        ("random 75%", "", 0.75, 60, 3),
    )
    axes = Figure().subplots()
    quality.draw(axes, frame)
    joined = [
        line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_marker() == "None"
    ]
    (line,) = [each for each in joined if list(each.get_ydata()) == [62, 60]]
    assert list(line.get_xdata()) == [50, 75]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "random, schedule.end=0.8" in labels


@pytest.mark.parametrize("times", [6, 25, 80, 3_000])
def test_ticks_of_costs_do_not_overlap(times):
    frame = rows_of(
        ("dense", "", 0.0, 63, 200_000 * times),
        ("random 50%", "", 0.5, 62, 90_000 * times),
        ("random 90%", "", 0.9, 60, 200_000),
    )
    figure = Figure((7.4, 4.2), layout="constrained")
    axes = figure.subplots()
    trade.draw(axes, frame)
    figure.draw_without_rendering()
    boxes = [
        text.get_window_extent()
        for text in [*axes.get_xticklabels(), *axes.get_xticklabels(minor=True)]
        if text.get_text() and axes.get_xlim()[0] <= text.get_position()[0] <= axes.get_xlim()[1]
    ]
    boxes.sort(key=lambda box: box.x0)
    assert len(boxes) >= 2
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


@pytest.mark.parametrize("bytes_of_half", [99_900, 60_000, 10_000])
def test_costs_that_hardly_differ_lie_together(bytes_of_half):
    frame = rows_of(("dense", "", 0.0, 63, 100_000), ("random 50%", "", 0.5, 62, bytes_of_half))
    axes = Figure().subplots()
    trade.draw(axes, frame)
    low, high = axes.get_xlim()
    assert high - low >= 0.2 * 100_000
    assert low < bytes_of_half < 100_000 < high


def test_layers_are_drawn_on_given_axes():
    frame = pd.DataFrame(
        [("m", "random 50%", "", "a", 0.4), ("m", "random 50%", "", "b", 0.6)],
        columns=["model", "sparsity", "variant", "weight", "sparsity_reached"],
    )
    axes = Figure().subplots()
    layers.draw(axes, frame)
    assert [(text.get_text(), text.get_position()[1]) for text in axes.texts] == [
        ("a", 0),
        ("b", 1),
    ]
    assert [list(line.get_xdata()) for line in axes.lines] == [[40.0, 60.0]]


def test_rows_of_equal_numbers_share_a_mark():
    rows = [("2 by 4", "george", 0.5), ("2 by 4", "theo", 0.5), ("random 50%", "theo", 0.5)]
    frame = pd.DataFrame(
        [
            ("m", sparsity, variant, path, share)
            for sparsity, variant, share in rows
            for path in "ab"
        ],
        columns=["model", "sparsity", "variant", "weight", "sparsity_reached"],
    )
    axes = Figure().subplots()
    layers.draw(axes, frame)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "2 by 4 (george), and 1 alike",
        "random 50% (theo)",
    ]


def is_whole(figure):
    """Whether all that is drawn lies within the figure, in inches."""
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    return box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height


@pytest.mark.parametrize("parts", [1, 12])
def test_long_names_leave_the_axes_their_place(parts):
    name = " ".join(["an_override=of_many_letters"] * 6)
    path = "path.of/a/kernel" * parts
    frame = pd.DataFrame(
        [("m", f"random {10 * i}%", name, path, i / 10) for i in range(1, 9)],
        columns=["model", "sparsity", "variant", "weight", "sparsity_reached"],
    )
    figure = drawn({"t": partial(layers.draw, frame=frame)}, (7.4, layers.height(frame)))
    (axes,) = figure.axes
    assert is_whole(figure)
    assert axes.get_position().width * figure.get_size_inches()[0] >= 2.5 - 1e-9


@pytest.mark.parametrize("cost", ["gzip_bytes", "best_bytes"])
def test_nothing_is_cut_at_the_edge_of_a_plot(cost):
    frame = rows_of(
        ("dense", "", 0.0, 63, 12_345_678),
        ("random 50%", "sparsity.schedule.end=0.8", 0.5, 62.125, 6_000_000),
        ("2 by 4", "", 0.5, 0.001, 100),
    ).assign(best_bytes=[12_345_678, 6_000_000, 100], bound_bytes=[9_999_999, 5_000_000, 90])
    against = partial(trade.draw, frame=frame, cost=cost, label="test accuracy (%)")
    below = partial(quality.draw, frame=frame, label="test accuracy (%)")
    assert is_whole(drawn({"against a cost": against}, (7.4, 4.2)))
    assert is_whole(drawn({"one": below, "two": below, "three": below}, (6.4, 10.8)))


@pytest.mark.parametrize("low", [0.001, 98.25, 12_345_678])
def test_the_name_of_an_axis_stands_clear_of_its_numbers(low):
    def draw(axes):
        axes.set_xlim(0, 100)
        axes.set_ylim(low, 1.001 * low)
        axes.set_xlabel("an x, pq")
        axes.set_ylabel("a y, pq")

    def close(axes):
        draw(axes)
        axes.set_ylim(low, (1 + 1e-5) * low)

    figure = drawn({"one": draw, "two": close, "three": draw}, (7.8, 10.8))
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            name = axis.label.get_window_extent()
            numbers = [text.get_window_extent() for text in axis.get_ticklabels()]
            assert not [box for box in numbers if box.overlaps(name)]
    assert is_whole(figure)


def test_a_front_is_of_one_test_set():
    frame = rows_of(("dense", "", 0.0, 90, 400), ("random 50%", "", 0.5, 80, 200))
    other = frame.assign(mean=frame["mean"] - 50, gzip_bytes=frame["gzip_bytes"] + 50)
    both = pd.concat([frame.assign(data="a"), other.assign(data="b")])
    axes = Figure().subplots()
    trade.draw(axes, both)
    fronts = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    assert [line.get_xdata().tolist() for line in fronts] == [[200, 400], [250, 450]]


#: What training tells: validation comes once a segment, and here the first has none.
HISTORY = pd.DataFrame(
    [
        {"step": 10, "train/loss": 2.0, "train/accuracy": 0.1},
        {"step": 20, "train/loss": 1.0, "train/accuracy": 0.5, "val/loss": 1.5},
    ]
)


def test_curves_are_of_what_was_logged():
    assert curves.names(HISTORY) == ["accuracy", "loss"]
    assert curves.names(pd.DataFrame([])) == []
    axes = Figure().subplots()
    curves.draw(axes, HISTORY, "loss")
    assert [line.get_xydata().tolist() for line in axes.lines] == [
        [[10, 2.0], [20, 1.0]],
        [[20, 1.5]],
    ]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["train", "val"]


def test_panels_stand_under_one_another_and_any_text_is_a_title():
    def draw(axes):
        curves.draw(axes, HISTORY)

    files = render("two", {"a $b": draw, "c\nd": draw}, (4, 4), ["svg"])
    assert list(files) == ["two.svg"]
    texts = re.findall(r"<text[^>]*>(.*?)</text>", files["two.svg"].decode())
    assert {"a $b", "c d"} <= set(texts)
    assert (texts.count("step"), texts.count("loss")) == (1, 2)
