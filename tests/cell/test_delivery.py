"""What waits in work folders is delivered once, whoever else delivers it, and to where it goes."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.cell import delivery, earlier
from harness.cell.cell import checkpoint_file, log_path, work_path
from harness.config import compose
from harness.tracking.cell_run import CellRun
from harness.tracking.journal import Journal
from tests.runs import runs
from tests.tracking.test_moved import begun


@pytest.fixture
def config(store_uri, tmp_path):
    return compose([f"tracking.uri={store_uri}", f"work_dir={tmp_path / 'work'}"])


def left(config, number: int) -> Journal:
    """A finished cell's journal, as it waits for its store."""
    run = CellRun.begin(config, str(number) * 64, {})
    journal = Journal(Path(config.work_dir, "cells", f"cell{number}", "journal"))
    where = {"run": run.run_id, "uri": run.uri, "experiment": config.tracking.experiment}
    own = {"cell": str(number) * 64, "trained": str(number) * 64, "name": f"cell {number}"}
    journal.tell({**where, **own, "since": str(number), "stand_in": ""})
    journal.add([{"do": "end", "status": "FINISHED", "at": 0}])
    return journal


def test_what_somebody_else_delivers_meanwhile_is_theirs(config, monkeypatch):
    first, second = left(config, 1), left(config, 2)
    send, done = delivery.send, []

    def sent(journal, uri):
        send(journal, uri)
        second.clear()

    monkeypatch.setattr(delivery, "send", sent)
    assert delivery.deliver([config.work_dir], done=done.append) == []
    assert done == ["cell 1"]
    assert not first.exists()
    assert sorted(run.status for run in runs(config.tracking.uri)) == ["FINISHED", "RUNNING"]


def at(cell, uri):
    """The cell of a store of another address."""
    return replace(
        cell, config=replace(cell.config, tracking=replace(cell.config.tracking, uri=uri))
    )


def test_an_unfinished_cell_goes_on_at_its_store_s_new_address(store_uri, tmp_path):
    cell = begun(tmp_path)
    (tmp_path / "mlflow.db").rename(tmp_path / "then.db")
    there = at(cell, f"sqlite:///{tmp_path / 'then.db'}")
    assert delivery.deliver([cell.config.work_dir], to=there.config.tracking.uri) == []
    assert checkpoint_file(there).read_text() == "at step 40"
    assert log_path(there).exists()
    assert not work_path(cell).exists()
    assert not earlier.journal_of(there).exists()
    (run,) = runs(there.config.tracking.uri)
    assert (run.status, run.tags["waited"]) == ("KILLED", "yes")


def test_what_a_cell_has_at_its_store_s_new_address_already_stays(store_uri, tmp_path):
    cell = begun(tmp_path)
    (tmp_path / "mlflow.db").rename(tmp_path / "then.db")
    there = at(cell, f"sqlite:///{tmp_path / 'then.db'}")
    checkpoint_file(there).parent.mkdir()
    checkpoint_file(there).write_text("at step 60")
    assert delivery.deliver([cell.config.work_dir], to=there.config.tracking.uri) == []
    assert checkpoint_file(there).read_text() == "at step 60"
    assert checkpoint_file(cell).read_text() == "at step 40"
