"""Sparse cells that start while the files of their dense baseline are still written, for real."""

import os
import signal
import sqlite3
from contextlib import closing

import pytest

from harness.options import ENTRY_POINTS
from tests.cell.test_faults import start, wait_for
from tests.runs import assert_same_numbers, assert_same_weights, by_sparsity
from tests.settings import ROOT, TINY

pytestmark = pytest.mark.slow

#: A format from outside. The file of a dense cell takes until somebody says so, and then fails.
FORMAT = """
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness.export.base import Format
from harness.errors import ExportError
from harness.options import choice


@choice
@dataclass
class Held(Format):
    file: ClassVar[str] = "held.bin"
    kind: str = "held"

    def write(self, model, path, samples, tolerance):
        zeros = max((weight == 0).mean() for weight in model.get_weights() if weight.ndim > 1)
        while zeros < 0.5 and not Path(os.environ["HELD_UNTIL"]).exists():
            time.sleep(0.02)
        raise ExportError("it was held")
"""
CELLS = ("run", *TINY, "sparsity=random", "sparsity.target=0.75", "export.formats=[held]")


@pytest.fixture
def held(tmp_path):
    """Starts the cells in a folder: `held(name)`; and the file that lets their files be written."""
    package = tmp_path / "package"
    told = package / "held-1.dist-info"
    told.mkdir(parents=True)
    (package / "held_format.py").write_text(FORMAT)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: held\nVersion: 1\n")
    (told / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\nheld = held_format\n")
    paths = os.pathsep.join([str(ROOT), str(package)])
    until = tmp_path / "until"

    def begin(name):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        return start(folder, *CELLS, PYTHONPATH=paths, HELD_UNTIL=str(until))

    return begin, until


def cells(tmp_path, name):
    return by_sparsity(f"sqlite:///{tmp_path / name / 'mlflow.db'}")


def status(tmp_path, name):
    """How the runs of a folder's store are, read without disturbing it; none while it is made."""
    path = tmp_path / name / "mlflow.db"
    if not path.exists():
        return {}
    query = """
        SELECT params.value, status FROM runs JOIN params USING (run_uuid)
        WHERE params.key = 'sparsity.label'
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            return {label.split()[0]: each for label, each in db.execute(query)}
    except sqlite3.OperationalError:  # not all tables are made
        return {}


def end(process):
    out, err = process.communicate(timeout=600)
    assert "Traceback" not in out + err, out + err
    return process.returncode


def test_a_sparse_cell_ends_before_its_baseline_and_with_the_same_numbers(held, tmp_path):
    begin, until = held
    process = begin("early")
    wait_for(lambda: status(tmp_path, "early").get("random") == "FINISHED", process)
    assert status(tmp_path, "early")["dense"] == "RUNNING"
    until.touch()
    assert end(process) == 0
    found = cells(tmp_path, "early")
    assert found["dense"].status == "FINISHED"
    assert found["random"].tags["harness.dense_run_id"] == found["dense"].id

    assert end(begin("late")) == 0  # where nothing is held
    for kind, run in cells(tmp_path, "late").items():
        assert_same_numbers(found[kind], run)
        assert_same_weights(found[kind], run)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupt_ends_both_and_the_same_command_makes_up_for_it(held, tmp_path, number):
    begin, until = held
    process = begin("cut")
    wait_for(lambda: status(tmp_path, "cut").get("random") == "RUNNING", process)
    os.killpg(process.pid, number)
    assert end(process) == 128 + number
    assert status(tmp_path, "cut") == {"dense": "KILLED", "random": "KILLED"}
    before = {kind: run.id for kind, run in cells(tmp_path, "cut").items()}
    until.touch()
    assert end(begin("cut")) == 0
    found = cells(tmp_path, "cut")
    assert {kind: run.id for kind, run in found.items()} == before
    assert {run.status for run in found.values()} == {"FINISHED"}
    assert found["random"].tags["harness.dense_run_id"] == found["dense"].id
