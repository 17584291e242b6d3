import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.entities import Metric

from harness.errors import ReportError, TrackingError
from harness.report import FORMATS, Selection, parse_filter, report, write_index
from harness.report.pages import page_tables
from harness.report.plots import runs_drawn
from tests.report.store import Store

COSTS = ("sparsity", "bytes")


def test_writes_all_files(stores, demo_spec, tmp_path):
    result = report(demo_spec, uri=stores["uri"], out_dir=tmp_path / "demo", formats=FORMATS)
    names = {path.name for path in result.paths}
    assert names == {path.name for path in (tmp_path / "demo").iterdir()}
    assert names == {
        *(f"table.{name}" for name in FORMATS),
        *(f"accuracy_vs_{cost}.{kind}" for cost in COSTS for kind in ("png", "svg")),
    }
    assert (
        "![Accuracy vs sparsity](accuracy_vs_sparsity.svg)"
        in (tmp_path / "demo" / "table.md").read_text()
    )
    assert "98.20 ± 0.50" in result.text
    assert result.excluded == ()


def test_the_same_runs_give_the_same_files(stores, demo_spec, tmp_path):
    for name in ("a", "b"):
        report(demo_spec, uri=stores["uri"], out_dir=tmp_path / name, formats=FORMATS)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_reports_what_it_left_out(stores, demo_spec, tmp_path):
    spec = replace(demo_spec, experiment="trouble")
    result = report(spec, uri=stores["uri"], out_dir=tmp_path, plots=False)
    assert sum(len(e.run_ids) for e in result.excluded) == 15
    assert "Not shown of the experiment: 15 runs" in result.text
    assert {path.name for path in result.paths} == {f"table.{name}" for name in FORMATS}


@pytest.mark.parametrize("name", sorted(page_tables()))
def test_published_tables_need_no_run(name, tmp_path):
    uri = f"sqlite:///{tmp_path}/none.db"
    result = report(page_tables()[name], uri=uri, out_dir=tmp_path / name)
    text = (tmp_path / name / "table.md").read_text()
    assert "not run" in text
    assert "No runs yet: there is no MLflow store" in result.notes[0]
    assert not (tmp_path / "none.db").exists()


def test_a_missing_store_or_experiment_is_one_clear_line(stores, demo_spec, tmp_path):
    for spec, uri in (
        (demo_spec, f"sqlite:///{tmp_path}/none.db"),
        (replace(demo_spec, name="nowhere"), stores["uri"]),
    ):
        with pytest.raises(TrackingError, match=r"run .* first") as caught:
            report(spec, uri=uri, out_dir=tmp_path / "out")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_an_unknown_format_is_refused(stores, demo_spec, tmp_path):
    with pytest.raises(ReportError, match=r"formats=pdf: accepted: md, csv"):
        report(demo_spec, uri=stores["uri"], out_dir=tmp_path / "out", formats=("md", "pdf"))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_one_clear_line(stores, demo_spec, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"cannot be written to .*give a folder") as caught:
        report(demo_spec, uri=stores["uri"], out_dir=tmp_path / "file" / "demo")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("mortal")
def test_a_read_only_folder_is_one_clear_line(stores, demo_spec, tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(ReportError, match="cannot be written to"):
        report(demo_spec, uri=stores["uri"], out_dir=tmp_path)


def test_a_failed_write_leaves_the_old_report(stores, demo_spec, tmp_path):
    (tmp_path / "table.md").write_text("old")
    (tmp_path / "table.csv").mkdir()  # cannot be replaced by a file
    with pytest.raises(ReportError):
        report(demo_spec, uri=stores["uri"], out_dir=tmp_path, formats=("csv", "md"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv", "table.md"]
    assert (tmp_path / "table.md").read_text() == "old"


def test_needs_neither_tensorflow_nor_mlflow(stores, tmp_path):
    code = f"""
import sys
from pathlib import Path
from harness.report import report
from harness.report.pages import page_tables
from dataclasses import replace
spec = replace(page_tables("small")["examples"], name="demo")
report(spec, uri={stores["uri"]!r}, out_dir=Path({str(tmp_path)!r}), plots=False)
assert "matplotlib" not in sys.modules, "only plots need it"
result = report(spec, uri={stores["uri"]!r}, out_dir=Path({str(tmp_path)!r}))
assert len(result.paths) == 8, result.paths
heavy = {{"tensorflow", "keras", "mlflow", "sqlalchemy"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2], timeout=600
    )


def test_only_the_runs_asked_for_are_shown(stores, demo_spec, tmp_path):
    selection = Selection((parse_filter("seed>=2"), parse_filter("sparsity.label!=dense")))
    result = report(
        demo_spec, uri=stores["uri"], out_dir=tmp_path, plots=False, selection=selection
    )
    dense, half, *_ = result.table.entries
    assert dense.quality is None
    assert [run.seed for run in half.runs] == ["2", "3"]
    assert half.difference.n == 2, "the dense baselines count though they are not shown"
    assert half.reductions["size/tflite_gzip_bytes"] == pytest.approx(1 / 0.58, rel=1e-6)
    assert {e.reason: len(e.run_ids) for e in result.excluded} == {
        "left out by --filter seed>=2": 4,
        "left out by --filter sparsity.label!=dense": 2,
    }
    assert "Only runs seed>=2, sparsity.label!=dense." in result.text


def test_several_tables_get_an_index(stores, demo_spec, tmp_path):
    results = [
        report(spec, uri=stores["uri"], out_dir=tmp_path / spec.name, plots=False)
        for spec in (demo_spec, replace(demo_spec, name="other", experiment="trouble"))
    ]
    index = write_index(tmp_path, results)
    assert index.name == "index.html"
    text = index.read_text()
    for name in ("demo", "other"):
        assert f'<a href="{name}/table.html">A demo</a>' in text
    assert "4 of 5 rows measured" in text
    assert "conflicts: 2" in text
    Path(tmp_path, "runs").mkdir()  # whose index is committed
    assert write_index(tmp_path, results).name == "local.html"


def test_the_schedule_as_run_is_read_for_one_run_a_row(stores, demo_spec, tmp_path):
    store = Store(stores["uri"], "schedule")
    dense = store.cell()
    runs = [store.sparse("random", 0.5, seed, 0.97, dense) for seed in (1, 2)]
    for run in runs:
        store.client.log_batch(
            run,
            metrics=[
                Metric(key, step / 1000, 0, step)
                for step in (100, 300, 500)
                for key in ("sparsity/scheduled", "sparsity/reached")
            ],
        )
    spec = replace(demo_spec, name="schedule")
    result = report(spec, uri=stores["uri"], out_dir=tmp_path)
    names = {path.name for path in result.paths}
    assert {"sparsity_schedule.png", "sparsity_schedule.svg"} <= names
    assert runs_drawn(result.table) == runs[:1]
