"""A metric that is added in harness/metrics.py, and nowhere else, is shown wherever it says."""

from dataclasses import replace
from types import SimpleNamespace

from harness import metrics
from harness.metrics import METRICS, Metric
from harness.report.frame import to_frame
from harness.report.layout import cost_grid, size_grid, summary_grid
from harness.tracking.describe import headline
from harness.tracking.view import state

SHARE = Metric(
    "params/share",
    "share of weights that are prunable",
    unit="%",
    factor=100.0,
    shown=(metrics.PAGE, metrics.LINE, metrics.VIEW, metrics.COST, metrics.SUMMARY),
    heading="prunable (%)",
    column="share",
    width=90,
    by=metrics.PRUNED,
    value=lambda summary: summary.prunable_params / summary.total_params,
)


def test_a_metric_added_in_its_home_is_shown_everywhere(monkeypatch, table):
    monkeypatch.setattr(metrics, "METRICS", (*METRICS, SHARE))
    assert metrics.measured(
        metrics.PRUNED,
        SimpleNamespace(
            total_params=10, trainable_params=9, prunable_params=8, nonzero_params=5,
            sparsity=0.5, sparsity_of_all=0.4,
        ),
    )["params/share"] == 0.8  # fmt: skip
    assert headline({"params/share": 0.8}) == {"params/share": 0.8}
    assert "metrics.`params/share`" in state("test/accuracy")["selectedColumns"]
    entries = tuple(
        replace(e, values={**e.values, "params/share": 0.8} if e.runs else {})
        for e in table.entries
    )
    grown = replace(table, entries=entries)
    for grid in (cost_grid(grown), summary_grid(grown)):
        column = [c.text for c in grid.columns].index("prunable (%)")
        assert [line[column].text for line in grid.lines] == ["80.00"] * 4 + ["not run"]
    assert to_frame(grown)["share"].tolist()[0] == 0.8
    assert "prunable (%)" not in [c.text for c in size_grid(grown).columns]


def test_a_column_that_nothing_was_logged_for_is_left_out_where_its_metric_says_so(table):
    def headings(grid):
        return [column.text for column in grid.columns]

    assert "multiply-adds" not in headings(size_grid(table))
    one, *others = table.entries
    counted = {"multiply_adds/dense": 1000.0, "multiply_adds/effective": 250.0}
    some = replace(table, entries=(replace(one, values={**one.values, **counted}), *others))
    grid = size_grid(some)
    column = headings(grid).index("multiply-adds")
    assert headings(grid)[column + 1 : column + 3] == ["of non-zeros", "× fewer multiply-adds"]
    assert [line[column].text for line in grid.lines][:2] == ["1,000", "n/a"]
