"""What the commands say of what waits for a store, and what of it they deliver."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from harness.cell import delivery
from harness.config import compose
from harness.sweep import forecast, waiting
from harness.sweep.plan import plan
from harness.tracking.journal import Journal


@pytest.fixture
def cell(tmp_path):
    uri, work = f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "work"
    overrides = (f"tracking.uri={uri}", f"work_dir={work}")
    return plan([(compose(overrides), overrides)])[0]


def left(cell):
    """A finished cell's journal, as it waits for its store."""
    journal = Journal(Path(cell.config.work_dir, "cells", "one", "journal"))
    about = {"trained": cell.trained, "cell": cell.id, "experiment": "e", "since": "1"}
    journal.tell({**about, "uri": cell.config.tracking.uri, "name": "the cell"})
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
