"""A store that was copied is recognised before it writes into the original's artifacts."""

import shutil
import sqlite3

import pytest

from harness.cell import earlier
from harness.cell.cell import checkpoint_file, log_path
from harness.config import compose
from harness.errors import TrackingError
from harness.sweep.plan import plan
from harness.tracking import store
from harness.tracking.cell_run import CellRun, fetched
from tests.runs import runs
from tests.settings import TINY, harness


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


def unfinished(folder):
    """A planned cell, as one in a folder."""
    where = (f"tracking.uri=sqlite:///{folder / 'mlflow.db'}", f"work_dir={folder / 'work'}")
    overrides = (*TINY, *where, "tracking.experiment=e")
    return plan([(compose(overrides), overrides)])[0]


def begun(folder):
    """As a kill leaves a cell whose store was away: its checkpoint, its log, its journal."""
    cell = unfinished(folder)
    run = CellRun.begin(cell.config, cell.id, {})
    checkpoint_file(cell).parent.mkdir(parents=True)
    checkpoint_file(cell).write_text("at step 40")
    log_path(cell).parent.mkdir()
    log_path(cell).touch()
    journal = earlier.journal_of(cell)
    about = {"run": run.run_id, "uri": run.uri, "experiment": "e", "name": "n", "since": "1"}
    journal.tell({**about, "trained": cell.trained, "cell": cell.id, "stand_in": ""})
    journal.add([{"do": "tags", "tags": {"waited": "yes"}}])
    (folder / "mlartifacts").mkdir(exist_ok=True)
    return cell


def test_an_unfinished_cell_goes_on_where_its_store_was_moved_to(tmp_path):
    first, then = tmp_path / "first", tmp_path / "then"
    first.mkdir()
    begun(first)
    first.rename(then)
    cell = unfinished(then)
    assert not checkpoint_file(cell).exists()
    uri = cell.config.tracking.uri
    done = harness("store", "move", "--uri", uri, cwd=then)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 unfinished cells go on from where they were" in done.stdout
    assert checkpoint_file(cell).read_text() == "at step 40"
    assert log_path(cell).exists()
    assert len(list((then / "work" / "cells").iterdir())) == 1
    done = harness("deliver", cwd=then)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    (run,) = runs(uri)
    assert run.tags["waited"] == "yes"


def test_what_a_copy_did_not_bring_along_stays_the_original_s(tmp_path):
    first, copy = tmp_path / "first", tmp_path / "copy"
    first.mkdir()
    cell = begun(first)
    shutil.copytree(first, copy)
    uri = f"sqlite:///{copy / 'mlflow.db'}"
    assert harness("store", "move", "--uri", uri, cwd=first).returncode == 0
    assert checkpoint_file(cell).exists()
    assert earlier.journal_of(cell).about()["uri"] == cell.config.tracking.uri
    assert checkpoint_file(unfinished(copy)).exists()
    assert earlier.journal_of(unfinished(copy)).about()["uri"] == uri


def test_a_file_of_a_moved_store_says_how_to_find_it(tmp_path, store_uri):
    first = tmp_path / "first"
    first.mkdir()
    shutil.move(tmp_path / "mlflow.db", first / "mlflow.db")
    number = finished(first, 1, "x")
    then = first.rename(tmp_path / "then")
    uri = f"sqlite:///{then / 'mlflow.db'}"
    with (
        pytest.raises(TrackingError, match="harness store move --uri"),
        fetched(uri, number, "x.txt"),
    ):
        pass


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
