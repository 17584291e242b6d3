"""`harness collect`, and what is rebuilt from the files it keeps."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.commands import main
from harness.report.files import remove_plots_of_before
from harness.report.kept_spec import from_json, to_json
from harness.sweep.spec import load
from harness.sweep.table import table_spec
from tests.report.store import Store
from tests.settings import ROOT

SWEEP = """\
title: Mine
scale: small
seeds: [1, 2, 3]
published: examples
tuned: Nobody chose anything.
blocks:
  - overrides: [model=mnist_cnn, dataset=mnist, training=mnist_cnn]
    cells: ["sparsity=dense", "sparsity=control", "sparsity=random"]
"""
#: The sweeps whose tables are kept.
KEPT = sorted(path.stem for path in (ROOT / "results" / "runs").glob("*.json"))
#: What `harness report --from` writes of all tables.
WRITTEN = ("*.md", "*.csv", "*.tex", "*.html", "*.svg")
BUILD = """
import sys
from harness.cli.commands import main
assert main(["report", "--from", "results/runs", "--out", sys.argv[1]]) == 0
print([name for name in ("mlflow", "tensorflow") if name in sys.modules])
"""


def committed() -> dict[str, bytes]:
    found = [path for kind in WRITTEN for path in (ROOT / "results").glob(kind)]
    return {path.name: path.read_bytes() for path in found}


def test_the_committed_pages_are_those_of_the_committed_runs(tmp_path):
    """Byte for byte, without a store; `benchmarks/rebuild.py` tells the seconds."""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", BUILD, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written.keys() == committed().keys()
    for name, content in committed().items():
        assert written[name] == content, f"results/{name}: run `harness report --from results/runs`"


def test_nothing_committed_says_where_it_was_made():
    for name, content in committed().items():
        assert b"/home/" not in content, name
        assert b"sqlite:" not in content, name
        assert b"tracking.uri" not in content, name


@pytest.mark.parametrize("name", ["translation_small"])
def test_a_kept_table_is_the_sweeps(name):
    """What is kept of a sweep is what its file says today."""
    kept = (ROOT / "results" / "runs" / f"{name}.json").read_text()
    assert kept == to_json(_spec(name)), f"run `harness collect {name}`"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", sorted(path.stem for path in (ROOT / "results" / "runs").glob("*.json"))
)
def test_a_kept_table_is_the_sweeps_whichever(name):
    test_a_kept_table_is_the_sweeps(name)


def _spec(name):
    sweep = load(name)
    return table_spec(sweep, [config for config, _ in sweep.configs()])


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A sweep of a user's own, and a store with some of its cells."""
    monkeypatch.chdir(tmp_path)
    Path("own/sweeps").mkdir(parents=True)
    Path("own/sweeps/mine.yaml").write_text(SWEEP)
    monkeypatch.setenv("HARNESS_CONFIG_DIR", str(tmp_path / "own"))
    spec = _spec("mine")
    store = Store(f"sqlite:///{tmp_path}/mlflow.db", "mine")
    for row in spec.rows:
        for seed in (1, 2, 3):
            store.cell(seed=seed, accuracy=0.98 + seed / 1000, params=dict(row.where))
    return spec, store


def test_a_specification_comes_back_whole(mine, tmp_path):
    spec, _ = mine
    path = tmp_path / "mine.json"
    path.write_text(to_json(spec))
    assert from_json(path) == spec


def test_tables_are_rebuilt_where_there_is_no_store(mine, tmp_path, capsys):
    _, store = mine
    assert main(["collect", "--uri", store.uri, "--into", "kept/runs"]) == 0
    assert "mine: 9 runs in kept/runs/mine-" in capsys.readouterr().out
    assert main(["collect", "mine", "--uri", store.uri, "--into", "kept/runs"]) == 0
    assert "mine: nothing new" in capsys.readouterr().out
    command = json.loads(Path("kept/runs/mine.json").read_text())["command"]
    assert (command.split()[:2], command.split()[-2:]) == (
        ["harness", "sweep"],
        ["--config-dir", "FOLDER"],
    )
    (tmp_path / "mlflow.db").unlink()
    for out in ("a", "b"):
        assert main(["report", "--from", "kept/runs", "--out", out]) == 0
    names = {path.name for path in Path("a").iterdir()}
    assert names >= {"examples.md", "examples.csv", "examples.tex", "examples.html", "index.html"}
    for path in Path("a").iterdir():
        assert path.read_bytes() == Path("b", path.name).read_bytes(), path.name
    # the sweep's own name is another one of the table's
    assert main(["report", "mine", "examples", "--from", "kept/runs", "--out", "c"]) == 0
    assert {path.name for path in Path("c").iterdir()} == names - {"README.md"}
    text = Path("a/examples.md").read_text()
    assert "98.20 ± 0.25" in text
    assert "Nobody chose anything." in text


def test_a_plot_whose_name_has_changed_does_not_stay(mine, tmp_path):
    _, store = mine
    assert main(["collect", "demo", "mine", "--uri", store.uri, "--into", "kept/runs"]) == 0
    assert main(["report", "--from", "kept/runs", "--out", "out"]) == 0
    names = {path.name for path in Path("out").iterdir()}
    stale = {"mine_layer_sparsity_a_model_of_before.svg", "mine_bleu_vs_sparsity.svg"}
    own = {"mine_sketch.svg", "demo.svg", "other_layer_sparsity.svg", "mine_bleu_vs_sparsity.png"}
    for name in stale | own:
        Path("out", name).write_text("a plot")
    assert main(["report", "--from", "kept/runs", "--out", "out"]) == 0
    assert {path.name for path in Path("out").iterdir()} == names | own


def test_a_table_leaves_the_plots_of_another_whose_name_is_longer(tmp_path):
    for name in ("a_sparsity_schedule", "a_b_sparsity_schedule", "a_loss_vs_bytes"):
        (tmp_path / f"{name}.svg").write_text("a plot")
    kept = [tmp_path / "a_loss_vs_bytes.svg"]
    remove_plots_of_before(tmp_path, "a", ("a", "a_b"), kept)
    names = {path.stem for path in tmp_path.iterdir()}
    assert names == {"a_b_sparsity_schedule", "a_loss_vs_bytes"}


def test_a_table_without_runs_is_planned(mine, tmp_path):
    _, store = mine
    assert main(["collect", "demo", "mine", "--uri", store.uri, "--into", "runs"]) == 0
    assert json.loads(Path("runs/demo.json").read_text())["title"]
    assert main(["report", "--from", "runs", "--out", "out", "--format", "csv"]) == 0
    # two sweeps of one published table go by their own names
    assert {path.name for path in Path("out").glob("*.csv")} == {"demo.csv", "mine.csv"}
    assert "not run" in Path("out/demo.csv").read_text()


def test_a_folder_without_runs_is_refused(tmp_path, capsys):
    assert main(["report", "--from", str(tmp_path)]) == 2
    assert "holds no collected runs" in capsys.readouterr().err


def test_a_fresh_clone_reports_what_is_committed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["report", "translation_small", "--no-plots", "--format", "csv"]) == 0
    ours = (tmp_path / "results" / "translation_small" / "table.csv").read_text()
    assert ours == (ROOT / "results" / "translation.csv").read_text()
