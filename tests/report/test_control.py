"""What a sparse cell costs is its difference from the control of its recipe and seed."""

import csv
import io
from dataclasses import replace

import pytest

from harness.report import TableSpec, rows_from_cells, rows_from_runs
from harness.report.collect import collect
from harness.report.frame import to_frame
from harness.report.layout import page_grid
from harness.report.pages import page_tables
from harness.report.plots import draw_plots
from harness.report.published import PublishedTable
from harness.report.render import caption, to_csv, to_html, to_latex, to_markdown
from harness.report.tables import build_table
from harness.report.terminal import to_text
from harness.tracking.runs import read_runs
from tests.report.conftest import cells
from tests.report.store import Store

DENSE = {1: 0.90, 2: 0.91}
CONTROL = {1: 0.93, 2: 0.95}
HALF = {1: 0.92, 2: 0.925}
SPARSITIES = [("dense", None), ("control", None), ("random", 0.5)]


@pytest.fixture(scope="module")
def runs(stores):
    store = Store(stores["uri"], "control")
    for seed in DENSE:
        dense = store.cell(seed=seed, accuracy=DENSE[seed])
        store.cell("control", None, seed, CONTROL[seed], tags={"harness.dense_run_id": dense})
        store.sparse("random", 0.5, seed, HALF[seed], dense)
    return read_runs(stores["uri"], "control")


@pytest.fixture(scope="module")
def spec():
    return TableSpec(
        "control", "With controls", "small", rows_from_cells(cells(SPARSITIES, (1, 2)))
    )


@pytest.fixture(scope="module")
def compared(runs, spec):
    return build_table(spec, collect(runs, spec), PublishedTable({}))


def test_differences_from_the_control_are_paired_by_seed(compared):
    dense, control, half = compared.entries
    pairs = [100 * (HALF[seed] - CONTROL[seed]) for seed in HALF]
    assert half.control.mean == pytest.approx(sum(pairs) / 2)
    assert half.control.values == pytest.approx(pairs)
    assert half.comparison.versus == "control"
    assert half.difference.mean == pytest.approx(1.75), "from the dense baseline, as ever"
    assert control.difference.mean == pytest.approx(3.5), "what training longer gains"
    assert dense.control is None
    assert control.control is None


def test_every_format_shows_both(compared):
    rows = [r for r in to_markdown(compared).splitlines() if r.startswith("| mnist")]
    assert "| mnist\\_cnn | control | 2 | 93.00, 95.00 | +3.00, +4.00 | – |" in rows
    assert "| mnist\\_cnn | random 50% | 2 | 92.00, 92.50 | +2.00, +1.50 | −1.00, −2.50 |" in rows
    for drawn in (to_latex(compared), to_html(compared), to_text(compared)):
        assert "vs control" in drawn.replace("\n", " ") or "control" in drawn
        assert "+2.00," in drawn
    assert "and from the control, that baseline fine-tuned alike at 0 %" in caption(compared)
    (half,) = [
        r for r in csv.DictReader(io.StringIO(to_csv(compared))) if r["sparsity"] == "random 50%"
    ]
    assert float(half["difference_from_control"]) == pytest.approx(-1.75)
    assert half["control_difference_pairs"] == "2"


def test_without_controls_nothing_speaks_of_them(table):
    for drawn in (
        to_markdown(table),
        to_csv(table),
        to_latex(table),
        to_html(table),
        to_text(table),
    ):
        assert "control" not in drawn


def test_the_guide_s_layout_says_it_below_the_number(runs):
    page = replace(page_tables("small")["keyword_spotting"], name="control")
    rows = rows_from_cells(cells(SPARSITIES, (1, 2)))
    found = build_table(
        replace(page, rows=rows), collect(runs, replace(page, rows=rows)), PublishedTable({})
    )
    (line,) = page_grid(found).lines
    assert "(−1.00, −2.50 vs control)" in line[-1].below


def test_a_control_of_another_recipe_is_none(runs, spec):
    other = tuple(
        replace(row, where={**row.where, "training.finetune.epochs": epochs})
        for row, epochs in zip(spec.rows, ("", "2", "3"), strict=True)
    )
    frame = runs.assign(**{"params.training.finetune.epochs": ["3", "2", "", "3", "2", ""]})
    spec = replace(spec, rows=(spec.rows[0], *other[1:]))
    table = build_table(spec, collect(frame, spec), PublishedTable({}))
    assert [len(entry.runs) for entry in table.entries] == [2, 2, 2]
    assert not table.has_controls


def test_a_missing_control_is_said(runs, spec):
    gone = runs[~((runs["params.sparsity.label"] == "control") & (runs["params.seed"] == "2"))]
    table = build_table(spec, collect(gone, spec), PublishedTable({}))
    assert table.entries[2].control.n == 1
    assert any("no control of the recipe and seed of 1 sparse run" in note for note in table.notes)


def test_an_experiment_s_controls_follow_its_dense_baselines(runs):
    assert [row.sparsity for row in rows_from_runs(runs)] == ["dense", "control", "random 50%"]


def test_a_control_is_a_line_of_the_plot_and_no_point(compared):
    frame = to_frame(compared)
    assert frame["sparsity"].tolist() == ["dense", "control", "random 50%"]
    names = {name.partition(".")[0] for name in draw_plots(compared)}
    assert names == {"accuracy_vs_sparsity", "accuracy_vs_bytes"}
