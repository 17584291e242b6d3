"""What waits in work folders is delivered once, whoever else delivers it, and to where it goes."""

from pathlib import Path

import pytest

from harness.cell import delivery
from harness.config import compose
from harness.tracking.cell_run import CellRun
from harness.tracking.journal import Journal
from tests.runs import runs


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
