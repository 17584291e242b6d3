"""A store that is away: waited for and told of; what a cell logs meanwhile is delivered later."""

import sqlite3
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.config import compose
from harness.errors import TrackingError
from harness.tracking import away, cell_run, store
from harness.tracking.away import Journal
from harness.tracking.cell_run import CellRun

CELL = "c" * 64


@pytest.fixture
def told(monkeypatch):
    lines = []
    monkeypatch.setattr(away, "tell", lines.append)
    return lines


@contextmanager
def locked(uri):
    """The store as it is while another process is in the middle of a long write."""
    db = sqlite3.connect(store.sqlite_path(uri), isolation_level=None, check_same_thread=False)
    db.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        db.execute("ROLLBACK")
        db.close()


def points(run):
    return [
        (point.step, point.value) for point in run._client.get_metric_history(run.run_id, "loss")
    ]


def test_metrics_wait_on_disk_while_the_store_is_locked(store_uri, tmp_path, told, monkeypatch):
    config = compose([f"tracking.uri={store_uri}"])
    journal = Journal(tmp_path / "work" / "metrics.jsonl")
    run = CellRun.begin(config, CELL, {}, journal=journal)
    run.log(1, {"loss": 4.0})
    run.flush()
    with locked(store_uri):
        for step in (2, 3):
            run.log(step, {"loss": 5.0 - step})
            began = time.monotonic()
            run.flush()
            assert time.monotonic() - began < 5, "training waited for the store"
        assert [point[3] for point in journal.read()] == [2, 3]
        assert len(told) == 1, "it is told once"
        assert "does not answer; training goes on" in told[0]

    monkeypatch.setattr(cell_run, "AWAY_SECONDS", 0.0)
    again = CellRun.begin(config, CELL, {}, journal=journal)  # the first process was killed
    again.log(3, {"loss": 2.0})  # what it logs again is not doubled
    again.log(4, {"loss": 1.0})
    again.finish("")
    assert points(again) == [(1, 4.0), (2, 3.0), (3, 2.0), (4, 1.0)]
    assert journal.read() == []


def test_a_call_waits_for_a_store_that_comes_back(told, monkeypatch):
    answers = iter([ConnectionError("Connection refused"), ConnectionError("timed out"), 7])

    def call():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(away, "PAUSE", 0.01)
    assert away.patiently("http://host", call) == 7
    assert told == [
        "the store http://host does not answer; waiting for it",
        "the store http://host answers again",
    ]


def test_a_store_that_never_comes_back_is_one_line(told, monkeypatch):
    def call():
        raise ConnectionError("Connection refused")

    monkeypatch.setattr(away, "PAUSE", 0.01)
    with pytest.raises(TrackingError, match="has not answered for"), away.patience(0.05):
        away.patiently("http://host", call)


def test_other_errors_are_no_wait(told):
    def call():
        raise ValueError("no such run")

    with pytest.raises(ValueError, match="no such run"):
        away.patiently("http://host", call)
    assert told == []


def test_a_line_that_a_crash_cut_short_is_left_out(tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    journal.add([("loss", 1.0, 5, 1), ("loss", 0.5, 6, 2)])
    path = Path(tmp_path / "metrics.jsonl")
    path.write_bytes(path.read_bytes()[:-4])
    assert journal.read() == [("loss", 1.0, 5, 1)]


def test_readers_wait_for_a_locked_store(store_uri, told, monkeypatch):
    monkeypatch.setattr(away, "PAUSE", 0.1)
    holding = locked(store_uri)
    holding.__enter__()
    timer = threading.Timer(7, lambda: holding.__exit__(None, None, None))
    timer.start()
    with store.read_only(store.sqlite_path(store_uri)) as db:
        assert db.execute("SELECT count(*) FROM experiments").fetchone() == (1,)
    timer.join()
    assert told[-1].endswith("answers again")
