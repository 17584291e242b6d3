from dataclasses import replace
from xml.etree import ElementTree

import pandas as pd
import pytest

from harness.plots.points import nominal
from harness.report.collect import collect
from harness.report.plots import draw_plots, of_models, runs_drawn, schedule_frame
from harness.report.published import PublishedTable, read_published
from harness.report.tables import build_table
from harness.tracking.runs import read_runs


@pytest.fixture(scope="module")
def full(stores, demo_spec):
    """The demo with all that plots can show: layers, published values, histories."""
    runs = read_runs(stores["uri"], "demo")
    runs = runs.assign(
        **{
            "metrics.sparsity/layer/conv_2/kernel": runs["metrics.sparsity/prunable"],
            "metrics.sparsity/layer/conv_10/kernel": runs["metrics.sparsity/prunable"],
        }
    )
    return build_table(demo_spec, collect(runs, demo_spec), read_published("examples"))


def _histories(table):
    steps = [(100, 0.2), (200, 0.4), (300, 0.5)]
    return {
        run.run_id: {"sparsity/scheduled": steps, "sparsity/reached": steps}
        for entry in table.entries
        for run in entry.runs
    }


def test_plots_are_pictures_and_the_same_each_time(full):
    first, second = draw_plots(full, _histories(full)), draw_plots(full, _histories(full))
    names = {name.partition(".")[0] for name in first}
    assert names == {
        *("accuracy_vs_sparsity", "accuracy_vs_bytes"),
        *("layer_sparsity", "sparsity_schedule"),
    }
    assert first == second
    for name, content in first.items():
        if name.endswith(".png"):
            assert content.startswith(b"\x89PNG")
        else:
            ElementTree.fromstring(content)


def test_one_format_alone_is_what_it_is_beside_the_other(full):
    alone = draw_plots(full, _histories(full), ("svg",))
    assert alone == {
        name: content
        for name, content in draw_plots(full, _histories(full)).items()
        if name.endswith(".svg")
    }


def test_published_values_are_hollow_markers(full, stores, demo_spec):
    collection = collect(read_runs(stores["uri"], "demo"), demo_spec)
    bare = build_table(demo_spec, collection, PublishedTable({}))
    name = "accuracy_vs_sparsity.svg"
    hollow = b"fill: #ffffff; stroke"
    published = [e for e in full.entries if e.published and nominal(e.spec.sparsity) is not None]
    assert len(published) == 2
    drawn = draw_plots(full)[name].count(hollow) - draw_plots(bare)[name].count(hollow)
    assert drawn >= len(published), "each, and the legend's"


def test_the_schedule_of_a_run_measured_anew_is_that_of_the_run_that_trained(full):
    first, entry, *others = full.entries
    run = replace(entry.runs[0], tags={**entry.runs[0].tags, "harness.trained_run_id": "trainer"})
    anew = replace(full, entries=(first, replace(entry, runs=(run, *entry.runs[1:])), *others))
    assert entry.runs[0].run_id in runs_drawn(full)
    assert "trainer" in runs_drawn(anew)
    histories = {run_id: _histories(full)[entry.runs[0].run_id] for run_id in runs_drawn(anew)}
    assert schedule_frame(anew, histories).equals(schedule_frame(full, _histories(full)))


def test_layers_stand_in_their_natural_order(full):
    assert list(full.entries[1].layers) == ["conv_2/kernel", "conv_10/kernel"]


def test_plots_bear_any_name(nasty):
    assert {name.partition(".")[0] for name in draw_plots(nasty, _histories(nasty))} == {
        *("accuracy_vs_sparsity", "accuracy_vs_bytes", "sparsity_schedule"),
    }


def test_nothing_measured_draws_nothing(page):
    assert draw_plots(page) == {}


def _rows(models, families):
    pairs = [(model, family) for model in models for family in families]
    return pd.DataFrame(pairs, columns=["model", "family"])


def test_models_whose_rows_crowd_an_axis_have_a_panel_each():
    crowded = _rows(["small", "large"], ["random", "2 by 4", "2 by 4 permuted", "2 by 4 SR-STE"])
    panels = of_models(crowded, crowded, "Heading")
    assert list(panels) == ["Heading: small", "Heading: large"]
    assert {name: set(rows["model"]) for name, rows in panels.items()} == {
        "Heading: small": {"small"},
        "Heading: large": {"large"},
    }


@pytest.mark.parametrize(
    "frame", [_rows(["one"], "abcdef"), _rows(["small", "large"], ["random", "2 by 4"])]
)
def test_a_model_alone_and_models_of_few_rows_share_an_axis(frame):
    assert list(of_models(frame, frame, "Heading")) == ["Heading"]
