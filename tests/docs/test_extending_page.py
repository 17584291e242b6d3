"""docs/extending.md, followed to the letter: its files in a copy of the harness, and a cell."""

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from harness.data.prepare.base import Preparer
from tests.settings import ROOT, environment

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
#: A file's name, words up to its code, its code.
FILES = re.findall(r"^`(harness/[\w/]+\.py)`.*?```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
METRIC = re.search(r"## A metric\n.*?\n\n((?:    [^\n]*\n)+)", PAGE, re.DOTALL)[1]
COMMAND = re.search(r"```console\n(harness run .*?)\n```", PAGE)[1]
#: The cell, made short.
SHORT = (
    "training.batch_size=32 training.dense.epochs=null training.dense.steps=12 "
    "training.finetune.epochs=null training.finetune.steps=12 sparsity.schedule.frequency=2"
)


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the harness with the page's files in it, and the cell of its command run."""
    folder = tmp_path_factory.mktemp("extended")
    for name in ("harness", "conf", "sweeps", "results/published"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, code in FILES:
        assert not (folder / name).exists(), f"{name} is shipped"
        (folder / name).write_text(code, encoding="utf-8")
    metrics = folder / "harness" / "metrics.py"
    start = "METRICS: tuple[Metric, ...] = (\n"
    assert start in metrics.read_text(encoding="utf-8")
    metrics.write_text(metrics.read_text(encoding="utf-8").replace(start, start + METRIC))
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 4
    images = rng.integers(0, 80, (400, 8, 8, 3)) + 40 * labels[:, None, None, None]
    labels = np.array([-1, 2, 3, 70])[labels]  # that are no numbers of classes
    np.savez(folder / "digits.npz", images=images.astype(np.uint8), labels=labels)
    words = [*shlex.split(COMMAND), *SHORT.split()]
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env={**environment(), "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


def test_every_kind_of_thing_is_on_the_page():
    kinds = {os.path.dirname(name) for name, _ in FILES}
    axes = ("pattern", "score", "schedule", "allocation", "scope", "method")
    assert kinds == {
        "harness/models",
        "harness/data/images",
        *(f"harness/pruning/{axis}" for axis in axes),
        "harness/training/optimizer",
        "harness/training/decay",
        "harness/export",
    }


def test_what_a_maker_of_a_data_set_is_said_to_have_is_asked_of_it():
    sentence = re.search(r"`harness/data/prepare`, with ([^;]+);", PAGE)[1]
    asked = {*vars(Preparer), *Preparer.__annotations__}
    assert {"help", "options", "write"} == set(re.findall(r"`(\w+)`", sentence)) & asked


def test_its_cell_ran_by_all_of_its_files(extended):
    with closing(sqlite3.connect(extended / "mlflow.db")) as db:
        params = dict(db.execute("SELECT key, value FROM params").fetchall())
        query = """
            SELECT m.key, m.value FROM latest_metrics m JOIN params p USING (run_uuid)
            WHERE p.key = 'sparsity.label' AND p.value != 'dense'
        """
        metrics = dict(db.execute(query).fetchall())
    choices = ("pattern", "score", "schedule", "allocation", "scope", "method")
    assert [params[f"sparsity.{axis}.kind"] for axis in choices] == [
        "rows",
        "central",
        "linear",
        "root",
        "convolutions",
        "final",
    ]
    assert (params["model.name"], params["dataset.name"]) == ("tiny", "npz")
    assert params["training.dense.optimizer.name"] == "lion"
    assert params["training.dense.decay.kind"] == "linear"
    assert params["sparsity.label"] == "rows central final 50%"
    assert metrics["size/weights_bytes"] > 0
    assert 0 < metrics["sparsity/dense_layers"] < 1


def test_the_files_are_in_the_house_s_format(tmp_path):
    for number, (_, code) in enumerate(FILES):
        (tmp_path / f"file_{number}.py").write_text(code, encoding="utf-8")
    for check in (["check"], ["format", "--check"]):
        options = ["--config", str(ROOT / "pyproject.toml"), str(tmp_path)]
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *check, *options], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout
