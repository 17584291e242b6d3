"""`harness report`: which tables, from which runs, to which files."""

import csv
from dataclasses import replace

import pytest

from harness.cli.commands import main
from harness.errors import ConfigError, ReportError, TrackingError
from harness.report import Selection, parse_filter
from harness.report.pages import page_tables
from harness.sweep.publish import Request, print_reports
from harness.sweep.spec import names
from tests.report.store import Store

SWEEP = """\
title: Mine
scale: small
seeds: [1]
blocks:
  - overrides: [model=mnist_cnn, dataset=mnist, training=mnist_cnn]
    cells: ["sparsity=dense", "sparsity=random", "sparsity=block_1x4 sparsity.pattern.shape=[8,1]"]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Cells of no sweep, at both scales, and an experiment without any."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    Store(uri, "empty")
    store = Store(uri, "mine")
    dense = store.cell()
    store.sparse("random", 0.5, 1, 0.97, dense)
    store.cell("random", 0.9, 1, 0.95)
    store.cell("random", 0.9, 1, 0.94, params={"training.batch_size": "8"})
    store.cell(tags={"harness.scale": "full"})
    translation = {"model.name": "gnmt", "dataset.direction": "de_en"}
    mixed = Store(uri, "mixed")
    mixed.cell()
    mixed.cell(params=translation, metrics={"test/bleu": 27.5})
    return store


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_all_tables_and_the_page_that_leads_to_them(folder, capsys):
    assert main(["report", "--no-plots", "--format", "html,csv", "--uri", "sqlite:///no.db"]) == 0
    index = (folder / "results" / "index.html").read_text()
    for name in {*names(), *page_tables()}:
        written = {path.name for path in (folder / "results" / name).iterdir()}
        assert written == {"table.html", "table.csv"}
        assert f'href="{name}/table.html"' in index
        assert {row["mean"] for row in rows(folder / "results" / name / "table.csv")} == {"not run"}
    assert "all tables: results/index.html" in capsys.readouterr().out
    assert not (folder / "mlflow.db").exists()


def test_several_tables_go_to_folders_below_out(folder):
    words = "report --table demo --table translation --out here --no-plots --uri sqlite:///no.db"
    assert main(words.split()) == 0
    assert {path.name for path in (folder / "here").iterdir()} == {
        *("demo", "translation", "index.html")
    }


def test_an_experiment_of_no_sweep_is_a_table_of_what_it_holds_a_scale_each(folder, store):
    assert main(["report", "--experiment", "mine", "--uri", store.uri]) == 0
    small = rows(folder / "results" / "mine-small" / "table.csv")
    assert [(row["sparsity"], row["variant"]) for row in small] == [
        ("dense", "n/a"),
        ("random 50%", "n/a"),
        ("random 90%", "training.batch_size=8"),
        ("random 90%", "training.batch_size=none"),
    ]
    assert [float(row["mean"]) for row in small] == pytest.approx([98, 97, 94, 95])
    (full,) = rows(folder / "results" / "mine-full" / "table.csv")
    assert (full["scale"], full["seeds"]) == ("full", "1")


def test_an_experiment_of_several_measures_is_a_table_each(folder, store):
    found = print_reports(Request(experiment="mixed", uri=store.uri, plots=False))
    tables = {result.table.spec.name: result.table.entries for result in found}
    shown = {k: [(e.spec.model, e.quality.mean) for e in v] for k, v in tables.items()}
    assert shown == {
        "mixed-accuracy": [("mnist_cnn", pytest.approx(98.0))],
        "mixed-bleu": [("GNMT DE-EN", 27.5)],
    }


def test_a_table_can_read_another_experiment(folder, store):
    (result,) = print_reports(Request(tables=("examples",), experiment="mine", uri=store.uri))
    assert (result.table.spec.name, result.table.spec.reads) == ("examples", "mine")
    assert {e.reason: len(e.run_ids) for e in result.excluded} == {
        "of a cell that this table does not show": 4,
        "of another scale than small": 1,
    }


def test_options_of_the_command_line_reach_the_report(folder, store, capsys):
    words = "report --experiment mine --filter seed=1 --filter test/accuracy>0.96"
    words += " --since 2020-01-01"
    ui = "http://mlflow.example:8080"
    assert (
        main([*words.split(), "--uri", store.uri, "--ui", ui, "--format", "html", "--out", "out"])
        == 0
    )
    text = (folder / "out" / "mine-small" / "table.html").read_text()
    assert f"{ui}/#/experiments/{store.id}/runs/" in text
    assert "2 left out by --filter test/accuracy&gt;0.96" in text
    assert "Only runs started since 2020-01-01" in capsys.readouterr().out


def test_overrides_and_a_block_of_another_shape_are_called_by_what_they_are(folder, store):
    (folder / "mine.yaml").write_text(SWEEP)
    request = Request(tables=("mine.yaml",), overrides=("export.formats=[],[tflite]",))
    with pytest.raises(TrackingError, match="no MLflow store"):
        print_reports(request)
    (result,) = print_reports(replace(request, uri=store.uri, plots=False))
    assert [(e.spec.sparsity, e.spec.variant) for e in result.table.entries] == [
        (sparsity, f"export.formats={formats}")
        for sparsity in ("dense", "random 50%", "block 1 by 8 50%")
        for formats in ("[]", "['tflite']")
    ]
    page = folder / "results" / result.table.spec.folder / "table.html"
    assert "harness sweep mine.yaml" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nothing"], "table 'nothing' does not exist; accepted: blocks, compression, demo"),
        (["demo", "--format", "pdf"], "formats=pdf: accepted: md, csv, tex, html"),
        (["demo", "--filter", "seed"], "--filter: received 'seed'"),
        (["demo", "--since", "soon"], "--since: received 'soon'"),
        (["--experiment", "none"], "has no experiment 'none'"),
        (["--experiment", "empty"], "'empty' holds no finished cell"),
    ],
)
def test_wrong_input_is_one_line(folder, store, capsys, arguments, complaint):
    assert main(["report", "--uri", store.uri, *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line
    assert not (folder / "results").exists()


def test_tables_whose_runs_have_no_such_key_are_left_out(folder, store, capsys):
    for name in ("mine", "mixed"):
        (folder / f"{name}.yaml").write_text(SWEEP)
    words = f"report --table mine.yaml --table mixed.yaml --no-plots --uri {store.uri} --filter"
    assert main([*words.split(), "test/bleu>1"]) == 0
    assert "as no run of theirs has what --filter asks for: mine\n" in capsys.readouterr().out
    assert {path.name for path in (folder / "results").iterdir()} == {"mixed", "index.html"}
    assert "mine" not in (folder / "results" / "index.html").read_text()


@pytest.mark.parametrize("tables", [[], ["--table", "demo", "--table", "mine.yaml"]])
def test_a_key_that_no_table_s_runs_have_is_refused(folder, capsys, tables):
    uri = f"sqlite:///{folder}/own.db"
    for name in ("demo", "mine"):
        Store(uri, name).cell()
    (folder / "mine.yaml").write_text(SWEEP)
    capsys.readouterr()  # of MLflow, which tells of its tables
    assert main(["report", *tables, "--uri", uri, "--no-plots", "--filter", "sed=1"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no run has a parameter, metric or tag 'sed'" in line
    assert not (folder / "results").exists()


def test_an_unknown_filter_key_is_refused_before_anything_is_written(folder, store):
    with pytest.raises(ReportError, match="no run has a parameter, metric or tag 'sed'"):
        print_reports(
            Request(experiment="mine", uri=store.uri, selection=Selection((parse_filter("sed=1"),)))
        )
    with pytest.raises(ConfigError):
        print_reports(Request(tables=("nothing",)))
    assert not (folder / "results").exists()
