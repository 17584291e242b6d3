"""Times in tables: factors of one run, where they were taken, what gained nothing."""

from dataclasses import replace

import pandas as pd
import pytest

from harness.export.timing.times import DENSE_WEIGHTS
from harness.plots import trade
from harness.report import TableSpec, rows_from_cells
from harness.report.collect import collect
from harness.report.frame import to_frame
from harness.report.latency_notes import latency_notes
from harness.report.layout import grids, latency_grid, size_grid
from harness.report.plots import draw_plots
from harness.report.published import PublishedTable
from harness.report.render import to_html, to_markdown
from harness.report.render.caption import caption
from harness.report.tables import build_table
from harness.tracking.runs import read_runs
from tests.report.conftest import cells
from tests.report.store import Store

ROWS = [("dense", None), ("random", 0.75), ("block_1x4", 0.8)]
HERE = {"harness.latency.runtime": "LiteRT 2.3.0", "harness.latency.cpu": "x86_64: avx2, avx512f"}
#: A sparse run's milliseconds are half of the dense one's run for no reason of its own: it was
#: another moment.
TIMES = {
    "dense": {
        "dense_ms": 4.0,
        "dense_low_ms": 3.75,
        "dense_high_ms": 4.5,
        "dense_int8_speedup": 3.0,
        "tflite_speedup": 1.0,
    },
    "random 75%": {"dense_ms": 2.0, "dense_int8_speedup": 2.8, "tflite_sparse_speedup": 1.01},
    "block 1 by 4 80%": {"dense_ms": 2.0, "tflite_sparse_speedup": 2.5},
}
BEST = {"dense": (3.0, 0.97), "random 75%": (1.01, 0.95), "block 1 by 4 80%": (2.5, 0.94)}
BYTES = {"dense": (2_900_000, 2_800_000), "random 75%": (900_000, 880_000)}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    uri = f"sqlite:///{tmp_path_factory.mktemp('timed') / 'mlflow.db'}"
    store = Store(uri, "timed")
    spec = TableSpec("timed", "Timed", "small", rows_from_cells(cells(ROWS, (1,))))
    for (sparsity, target), row in zip(ROWS, spec.rows, strict=True):
        name = row.sparsity
        metrics = {f"latency/{key}": value for key, value in TIMES[name].items()}
        metrics["latency/best_speedup"], metrics["latency/best_quality"] = BEST[name]
        metrics["size/best_bytes"], metrics["size/packed_bound_bytes"] = BYTES.get(
            name, (800_000, 790_000)
        )
        metrics["size/best_quality"] = 0.93
        metrics |= {"multiply_adds/dense": 1000, "params/total": 100}
        metrics |= {"size/tflite_gzip_bytes": 12_000_000, "size/keras_gzip_bytes": 12_500_000}
        metrics["size/keras_max_error"] = 0.0
        if name == "random 75%":
            metrics |= {"size/packed_bytes": 900_000, "size/packed_xz_bytes": 900_100}
            metrics |= {"size/packed_max_error": 0.01, "size/packed_zeros": 0.76}
            metrics |= {"latency/packed_low_ms": 3.5, "latency/packed_high_ms": 4.5}
            metrics["latency/packed_speedup"] = 0.5  # as any format's: none of METRICS names it
            metrics |= {"size/keras_shrunk_multiply_adds": 250, "size/keras_shrunk_parameters": 40}
        tags = {**HERE, "harness.latency.reference": "tflite" if name == "dense" else "dense"}
        if name.startswith("block"):
            tags["harness.latency.sparse"] = "tflite_sparse: 1 FULLY_CONNECTED"
            tags["harness.latency.busy"] = "other work took 60% of the cores' time"
        store.cell(sparsity, target, 1, 0.96, metrics=metrics, tags=tags)
    return build_table(spec, collect(read_runs(uri, "timed"), spec), PublishedTable({}))


def column(grid, heading):
    place = [each.text for each in grid.columns].index(heading)
    return [line[place].text for line in grid.lines]


def test_factors_are_those_of_one_run(table):
    grid = latency_grid(table)
    assert grid in grids(table)
    assert column(grid, "dense (ms)") == ["4.000 (3.750–4.500)", "2.000", "2.000"]
    assert column(grid, "× dense int8") == ["3.00", "2.80", "n/a"]
    assert column(grid, "× sparse float32") == ["n/a", "1.01", "2.50"]
    assert column(grid, "× fastest") == ["3.00", "1.01", "2.50"]
    assert column(grid, "its accuracy (%)") == ["97.00", "95.00", "94.00"]
    assert "× int8" not in [each.text for each in grid.columns], "nothing was logged for it"


def test_bytes_stand_beside_what_their_file_is_worth_and_the_bound(table):
    grid = size_grid(table)
    assert column(grid, "its accuracy (%)") == ["93.00"] * 3
    assert column(grid, "entropy (estimate)") == ["2,800,000", "880,000", "790,000"]
    frame = to_frame(table)
    # than the dense float32 file: what rounding saves the dense network is among what it saves
    best = [
        BYTES.get(name, (800_000, 0))[0] for name in ("dense", "random 75%", "block 1 by 4 80%")
    ]
    assert frame["best_reduction"].tolist() == pytest.approx([12e6 / each for each in best])
    assert "× smaller (best): than the dense baseline's float32 file by gzip" in caption(table)
    assert frame["best_quality"].tolist() == pytest.approx([93.0] * 3)
    assert frame["fastest_speedup"].tolist() == [3.0, 1.01, 2.5]


def test_what_a_smaller_network_has_left_to_do_stands_beside_all_whichever_its_file(table):
    grid = size_grid(table)
    assert column(grid, "multiply-adds, shrunk") == ["n/a", "250", "n/a"]
    assert column(grid, "× fewer multiply-adds, shrunk") == ["n/a", "4.00×", "n/a"]
    assert column(grid, "× fewer parameters, shrunk") == ["n/a", "2.50×", "n/a"]
    frame = to_frame(table)
    assert frame["shrunk_multiply_adds_reduction"].tolist()[1] == 4
    assert frame["file"].tolist()[0] == "the TensorFlow Lite file"
    assert "× fewer multiply-adds, shrunk: than" not in caption(table)


def test_each_file_has_a_line_and_columns_of_its_own_whatever_its_format(table):
    grid = next(each for each in grids(table) if each.key == "files")
    lines = {tuple(place.text for place in line[1:3]): line[3:] for line in grid.lines}
    assert [each.text for each in lines["random 75%", "packed"]] == [
        "900,000", "n/a", "n/a", "900,100", "13.33×", "76.00"
    ]  # fmt: skip
    assert [each.text for each in grid.columns][-2:] == ["× smaller than dense", "zeros kept (%)"]
    assert [each.text for each in lines["dense", "keras"][-2:]] == ["0.96×", "–"]
    assert ("dense", "packed") not in lines
    assert lines["dense", "keras"][1].text == "12,500,000"
    frame = to_frame(table)
    assert frame["packed_xz_bytes"].tolist()[1] == 900_100
    assert frame["packed_speedup"].tolist()[1] == 0.5
    assert frame["packed_low_ms"].tolist()[1] == 3.5
    assert frame["packed_high_ms"].tolist()[1] == 4.5
    assert frame["dense_high_ms"].tolist()[0] == 4.5
    assert frame["packed_zeros"].tolist()[1] == 0.76
    assert column(latency_grid(table), "× packed") == ["n/a", "0.50", "n/a"]
    assert "packed" in to_html(table)


def test_what_fewer_seeds_have_is_marked_and_measured_by_all_that_weighed_it_alike(tmp_path):
    """A run of before a compression was there has neither its bytes nor the best of all."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    store = Store(uri, "older")
    spec = TableSpec("older", "Older", "small", rows_from_cells(cells([("random", 0.75)], (1, 2))))
    older = {"size/tflite_gzip_bytes": 12_000_000, "size/tflite_int8_max_error": 0.01}
    older |= {"size/tflite_int8_bytes": 3_000_000, "size/tflite_int8_gzip_bytes": 1_500_000}
    newer = {"size/tflite_int8_xz_bytes": 1_000_000, "size/best_bytes": 1_000_000}
    newer |= {"size/best_quality": 0.9, "size/tflite_int8_zeros": 0.7}
    for seed, metrics in ((1, older), (2, older | newer)):
        dense = store.cell(seed=seed, metrics=older)
        tags = {"harness.dense_run_id": dense}
        store.cell("random", 0.75, seed, 0.96, metrics=metrics, tags=tags)
    table = build_table(spec, collect(read_runs(uri, "older"), spec), PublishedTable({}))
    size, files = (next(g for g in grids(table) if g.key == key) for key in ("size", "files"))
    assert column(size, "gzip bytes") == ["12,000,000"], "of both"
    assert column(size, "best bytes") == column(files, "xz") == ["1,000,000*"]
    assert column(size, "× smaller (best)") == column(files, "× smaller than dense") == ["12.00×*"]
    assert column(size, "its accuracy (%)") == ["90.00*"]
    assert column(files, "zeros kept (%)") == ["70.00*"]
    said = "* of 1 of 2 seeds, in 1 row: best bytes, its accuracy (%), xz, zeros kept (%)."
    assert said in caption(table)
    assert to_frame(table)["best_reduction"].tolist() == [12]


def test_notes_say_where_and_what_gained_nothing_and_what_is_doubtful(table):
    notes = "\n".join(table.notes)
    assert "Latency: LiteRT 2.3.0 on x86_64: avx2, avx512f (3 runs), one example" in notes
    assert (
        "Sparse float32 files of mnist_cnn random 75%: no gain: stock kernels do not skip these"
        in notes
    )
    assert (
        "Operations whose weights the file stores without zeros: mnist_cnn block 1 by 4 80%"
        " (tflite_sparse: 1 FULLY_CONNECTED)" in notes
    )
    assert (
        "BUSY MACHINE: the times of 1 of 3 runs are doubtful: other work took 60% of the" in notes
    )
    assert "not at hand" not in notes
    assert "- **BUSY MACHINE:** the times" in to_markdown(table)
    assert "Latency, beside the dense float32 file" in to_html(table)


def test_a_sparse_file_that_is_faster_though_it_runs_dense_says_so(table):
    key = "latency/tflite_sparse_speedup"
    fast = [replace(e, values={**e.values, key: 1.3}) if key in e.values else e
            for e in table.entries]  # fmt: skip
    notes = "\n".join(latency_notes(fast))
    assert (
        "Sparse float32 files of mnist_cnn random 75%: faster, but not by what they leave out: its"
        " operations take dense weights as run here." in notes
    )
    assert "no gain" not in notes
    assert DENSE_WEIGHTS not in "\n".join(table.notes)


def test_a_table_without_times_says_nothing_of_them(demo_spec, stores):
    runs = read_runs(stores["uri"], "demo")
    bare = build_table(demo_spec, collect(runs, demo_spec), PublishedTable({}))
    assert "latency" not in [grid.key for grid in grids(bare)]
    assert "Latency" not in "\n".join(bare.notes)
    assert not [name for name in draw_plots(bare) if "latency" in name or "best" in name]


def test_plots_are_of_the_files_own_quality(table, monkeypatch):
    drawn = {}

    def kept(axes, frame, cost="gzip_bytes", label="", quality="mean", axis=""):
        drawn[cost] = frame.set_index("sparsity")
        trade_draw(axes, frame, cost, label, quality=quality, axis=axis)

    trade_draw = trade.draw
    monkeypatch.setattr(trade, "draw", kept)
    files = draw_plots(table)
    assert {"accuracy_vs_best_bytes.svg", "accuracy_vs_latency.png"} < files.keys()
    # the dense network's typical 2 ms, divided by a row's factor
    times = drawn["latency_ms"]["latency_ms"]
    assert times.tolist() == pytest.approx([2 / 3, 2 / 1.01, 2 / 2.5])


def test_bounds_are_drawn_beside_their_points(table):
    from matplotlib.figure import Figure

    frame = to_frame(table)
    axes = Figure().subplots()
    trade.draw(axes, frame, "best_bytes", quality="best_quality")
    (marks,) = [line for line in axes.lines if line.get_marker() == "|"]
    assert marks.get_xdata().tolist() == frame["bound_bytes"].tolist()
    lines = [line for each in axes.collections for line in each.get_segments() if len(line) == 2]
    assert [line[:, 0].tolist() for line in lines if line[0, 1] == line[1, 1]] == [
        [row.bound_bytes, row.best_bytes] for row in frame.itertuples()
    ]
    assert "entropy (estimate)" in [text.get_text() for text in axes.get_legend().get_texts()]
    bare = Figure().subplots()
    trade.draw(bare, frame.assign(bound_bytes=pd.NA), "best_bytes", quality="best_quality")
    assert "entropy (estimate)" not in [text.get_text() for text in bare.get_legend().get_texts()]
