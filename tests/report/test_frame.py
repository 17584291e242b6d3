"""A table as one frame: of `table.csv`, and of plots in a notebook."""

import io

import pandas as pd
import pytest
from matplotlib.figure import Figure

from harness import metrics
from harness.plots import quality, trade
from harness.plots.points import sparse
from harness.report import TableSpec, rows_from_cells
from harness.report.collect import collect
from harness.report.frame import layer_frame, to_frame
from harness.report.published import PublishedTable
from harness.report.render import caption, to_csv, to_markdown
from harness.report.tables import build_table
from harness.tracking.runs import read_runs
from tests.report.store import Store


def read(table):
    return pd.read_csv(io.StringIO(to_csv(table)), na_values=["n/a", "not run"])


def test_table_csv_is_the_frame(table):
    frame, back = to_frame(table), read(table)
    assert list(back) == list(frame)
    numbers = ["mean", "half_width_95", "sparsity_all", "gzip_bytes", "gzip_reduction"]
    for name in numbers:
        assert back[name].tolist() == pytest.approx(frame[name].tolist(), rel=1e-9, nan_ok=True)


def test_every_metric_of_tables_has_its_column(table):
    assert {metric.column for metric in metrics.in_tables()} <= set(to_frame(table))


def test_only_measured_sparse_rows_are_points(table):
    assert sparse(to_frame(table))["name"].tolist() == ["random 50%", "random 90%", "2 by 4"]


@pytest.mark.parametrize("draw", [quality.draw, trade.draw])
def test_plots_are_drawn_on_given_axes_from_table_csv(table, draw):
    figure = Figure()
    axes = figure.subplots(1, 2)
    draw(axes[1], read(table))
    assert axes[1].get_xlabel()
    assert axes[1].get_legend() is not None
    assert not axes[0].lines


def test_layers_of_nothing_are_an_empty_frame(page):
    assert layer_frame(page).empty
    assert "weight" in layer_frame(page)


@pytest.fixture(scope="module")
def mixed(stores):
    """A model of which no TensorFlow Lite file was made, beside one of which it was."""
    store = Store(stores["uri"], "files")
    lite = ("size/tflite_bytes", "size/tflite_gzip_bytes")
    for sparsity, target, size in (("dense", None, 30e6), ("random", 0.5, 10e6)):
        store.cell(sparsity, target)
        run = store.cell(
            sparsity,
            target,
            params={"model.name": "gnmt"},
            metrics={"size/keras_bytes": 40e6, "size/keras_gzip_bytes": size},
            without=lite,
        )
        assert run
    cells = [
        ({"model.name": model, "sparsity.label": label}, 1)
        for model in ("mnist_cnn", "gnmt")
        for label in ("dense", "random 50%")
    ]
    spec = TableSpec("files", "Files", "small", rows_from_cells(cells))
    return build_table(spec, collect(read_runs(stores["uri"], "files"), spec), PublishedTable({}))


def test_bytes_are_those_of_the_file_that_there_is(mixed):
    half = mixed.entries[3]
    assert half.spec.model == "GNMT"
    assert half.values["size/tflite_gzip_bytes"] == 10e6
    assert half.reductions["size/tflite_gzip_bytes"] == pytest.approx(3.0)
    assert "10,000,000 | 3.00×" in to_markdown(mixed)
    assert (
        to_frame(mixed)["file"].tolist() == ["the TensorFlow Lite file"] * 2 + ["model.keras"] * 2
    )


def test_the_caption_says_of_which_file_bytes_are(mixed, table):
    assert "Bytes are of the TensorFlow Lite file (mnist_cnn), of model.keras (GNMT)." in caption(
        mixed
    )
    assert "Bytes are of the TensorFlow Lite file." in caption(table)
