"""Plots on the axes of a notebook, and off screen."""

import re
import warnings
from functools import partial

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from harness.plots import curves, layers
from harness.plots.points import amount, family, nominal
from harness.plots.style import render
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


def test_family_and_amount():
    assert (family("random 87.5%"), amount("random 87.5%")) == ("random", "87.5%")
    assert (family("2 by 4"), amount("2 by 4")) == ("2 by 4", "2 by 4")


@pytest.mark.parametrize(
    ("label", "share"),
    [("dense", 0.0), ("random 87.5%", 87.5), ("2 by 4", 50.0), ("1 by 4", 75.0), ("odd", None)],
)
def test_what_a_name_promises(label, share):
    assert nominal(label) == share


def test_layers_are_drawn_on_given_axes():
    frame = pd.DataFrame(
        [("m", "random 50%", "", "a", 0.4), ("m", "random 50%", "", "b", 0.6)],
        columns=["model", "sparsity", "variant", "weight", "sparsity_reached"],
    )
    axes = Figure().subplots()
    layers.draw(axes, frame)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
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


def test_long_names_leave_the_axes_their_place():
    """Else matplotlib lays nothing out, warns, and the names are cut at the picture's edge."""
    name = " ".join(["an_override=of_many_letters"] * 6)
    frame = pd.DataFrame(
        [("m", f"random {10 * i}%", name, "path.of/a/kernel", i / 10) for i in range(1, 9)],
        columns=["model", "sparsity", "variant", "weight", "sparsity_reached"],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        render(
            "long", {"t": partial(layers.draw, frame=frame)}, (7.4, layers.height(frame)), ["svg"]
        )


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
    texts = re.findall(r"<!-- (.*?) -->", files["two.svg"].decode())  # matplotlib's own remarks
    assert {"a $b", "c d"} <= set(texts)
    assert (texts.count("step"), texts.count("loss")) == (1, 2)
