"""A store that was copied is recognised before it writes into the original's artifacts."""

import shutil
import sqlite3

import pytest

from harness.config import compose
from harness.errors import TrackingError
from harness.tracking import store
from harness.tracking.cell_run import CellRun
from tests.runs import runs
from tests.settings import harness


def finished(folder, number, text):
    """A run with an artifact in a folder's store."""
    config = compose([f"tracking.uri=sqlite:///{folder / 'mlflow.db'}"])
    run = CellRun.begin(config, str(number) * 64, {})
    (folder / "x.txt").write_text(text)
    run.artifact(folder / "x.txt")
    run.finish("")
    return run.run_id


def test_a_copied_store_writes_nothing_into_the_original(tmp_path, store_uri):
    first = tmp_path / "first"
    first.mkdir()
    shutil.move(tmp_path / "mlflow.db", first / "mlflow.db")
    finished(first, 1, "of the original")
    copy = shutil.copytree(first, tmp_path / "copy of it")
    uri = f"sqlite:///{copy / 'mlflow.db'}"
    with pytest.raises(TrackingError, match="moved or copied here; `harness store move --uri"):
        store.open_experiment(uri, "cells")

    done = harness("store", "move", "--uri", uri, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 runs now have" in done.stdout
    shutil.rmtree(first / "mlartifacts")
    (old,) = runs(uri)
    assert old.path("x.txt").read_text() == "of the original"
    finished(copy, 2, "of the copy")
    assert not (first / "mlartifacts").exists()
    assert {run.path("x.txt").read_text() for run in runs(uri)} == {
        "of the original",
        "of the copy",
    }
    again = harness("store", "move", "--uri", uri, cwd=tmp_path)
    assert "already" in again.stdout


def test_artifacts_that_were_left_behind_are_asked_for(tmp_path, store_uri):
    finished(tmp_path, 1, "x")
    (tmp_path / "alone").mkdir()
    shutil.copy(tmp_path / "mlflow.db", tmp_path / "alone")
    done = harness("store", "move", "--uri", f"sqlite:///{tmp_path}/alone/mlflow.db", cwd=tmp_path)
    assert done.returncode == 2
    assert "move or copy it along with the store" in done.stderr


def test_what_is_no_store_is_refused(tmp_path):
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE x (y)").connection.close()
    for uri in (f"sqlite:///{tmp_path}/other.db", "http://host", f"sqlite:///{tmp_path}/none.db"):
        done = harness("store", "move", "--uri", uri, cwd=tmp_path)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
