"""What the commands say of what waits for a store, and what of it they deliver."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from harness.cell import delivery
from harness.config import compose
from harness.sweep import forecast, waiting
from harness.sweep.plan import plan
from harness.tracking.cell_run import CellRun
from harness.tracking.journal import Journal
from tests.runs import runs
from tests.settings import harness


@pytest.fixture
def cell(tmp_path):
    uri, work = f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "work"
    overrides = (f"tracking.uri={uri}", f"work_dir={work}")
    return plan([(compose(overrides), overrides)])[0]


def left(cell, run="none", name="the cell", uri=None):
    """A finished cell's journal, as it waits for its store."""
    journal = Journal(Path(cell.config.work_dir, "cells", name, "journal"))
    own = {"trained": cell.trained, "cell": cell.id, "name": name, "run": run}
    journal.tell({**own, "uri": uri or cell.config.tracking.uri, "experiment": "e", "since": "1"})
    journal.add([{"do": "end", "status": "FINISHED", "at": 0}])
    return journal


def test_what_is_delivered_while_it_is_told_of_ends_nothing(cell, monkeypatch):
    listed, finished = delivery.journals, Journal.is_finished

    def cleared(found):
        for journal in found:
            journal.clear()
        return found

    left(cell)
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "journals", lambda *given: cleared(listed(*given)))
        console = Console(file=io.StringIO(), width=500)
        waiting.tell_of(console, [cell], "interrupted")
        assert console.file.getvalue().startswith("not delivered: the cell waits in ")
        assert forecast.waiting([cell]) == set()
    left(cell)
    monkeypatch.setattr(Journal, "is_finished", lambda self: finished(self) and cleared([self]))
    assert forecast.waiting([cell]) == {cell.id}


def test_one_new_address_is_not_that_of_several_stores(store_uri, cell, tmp_path):
    mine = left(cell, CellRun.begin(cell.config, cell.id, {}).run_id, uri="http://before:5000")
    other = left(cell, name="of another store", uri="http://other:5000")
    asked = ("deliver", cell.config.work_dir, "--uri", store_uri)
    done = harness(*asked, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "for http://before:5000, http://other:5000; say which of them" in done.stderr
    done = harness(*asked, "--from", "http://befor:5000", cwd=tmp_path)
    assert done.returncode == 2
    assert "accepted: http://before:5000, http://other:5000" in done.stderr
    assert mine.exists()
    done = harness(*asked, "--from", "http://before:5000", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "delivered: the cell\n"), done.stderr
    assert [run.status for run in runs(store_uri)] == ["FINISHED"]
    assert other.exists()
    assert not mine.exists()


@pytest.mark.parametrize(
    ("word", "meant"), [("work_dir=/scratch/w", "/scratch/w"), ("wrok", "work"), ("a.txt", "work")]
)
def test_a_folder_that_is_not_there_is_refused(tmp_path, word, meant):
    """Rather than nothing waiting in it: who reads that deletes what does."""
    (tmp_path / "a.txt").touch()
    done = harness("deliver", word, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"harness: deliver: received {word}, which is no folder; accepted: the work folder "
        f"itself, as in `harness deliver {meant}`\n"
    )
    (tmp_path / "a=1").mkdir()
    done = harness("deliver", "a=1", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Nothing waits in a=1.\n")
