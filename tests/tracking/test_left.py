"""Runs left RUNNING are closed if their process is known to be gone, never for age alone."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient

from harness.config import compose
from harness.tracking import beside, cell_run, left, process
from harness.tracking.cell_run import HEARTBEAT, LOCKS, CellRun
from tests.runs import runs
from tests.settings import environment, python

HERE = "from harness.tracking import process; print(process.identity())"
ELSEWHERE = "other boot pid:[1] 7 1"
TRAINED = "e" * 64
#: Another process that has a cell under way, until it is told to end.
HOLD = """
import sys
from harness.tracking import beside
with beside.cell_lock(*sys.argv[1:], timeout=10):
    print("held", flush=True)
    input()
"""


@pytest.fixture
def config(store_uri, tmp_path):
    return compose([f"tracking.uri={store_uri}", f"work_dir={tmp_path / 'work'}"])


def close_dead(config):
    return left.close_dead(config.tracking, config.work_dir)


def begin_elsewhere(config, silent: float, **tags: str) -> CellRun:
    """A run that a process of another machine has open, silent for so many seconds."""
    run = CellRun.begin(config, "d" * 64, {"harness.trained_id": TRAINED})
    told = {process.TAG: ELSEWHERE, HEARTBEAT: str(int(time.time() - silent))}
    run.set_tags({**told, **{f"harness.{key}": value for key, value in tags.items()}})
    return run


def status(config) -> str:
    (run,) = runs(config.tracking.uri)
    return run.status


@contextmanager
def held(config):
    words = [sys.executable, "-c", HOLD, config.tracking.uri, config.work_dir, TRAINED]
    with subprocess.Popen(words, env=environment(), text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:  # fmt: skip
        assert other.stdout.readline() == "held\n"
        yield
        other.communicate("\n")


def test_runs_of_dead_processes_are_closed_and_no_others(config):
    mine = CellRun.begin(config, "a" * 64, {})
    theirs = CellRun.begin(config, "b" * 64, {process.TAG: python(HERE).strip()})
    elsewhere = CellRun.begin(config, "d" * 64, {process.TAG: ELSEWHERE})
    assert close_dead(config) == 1
    found = {run.id: run for run in runs(config.tracking.uri)}
    assert found[theirs.run_id].status == "KILLED"
    assert "is gone" in found[theirs.run_id].tags["harness.failure"]
    assert {found[run.run_id].status for run in (mine, elsewhere)} == {"RUNNING"}
    assert found[mine.run_id].tags["harness.pid"] == str(os.getpid())


def test_a_run_that_is_taken_up_while_it_is_looked_at_is_left_to_whom_has_it(config, monkeypatch):
    begun = CellRun.begin(config, "b" * 64, {process.TAG: python(HERE).strip()})
    search = MlflowClient.search_runs

    def searched(*given, **named):
        found = search(*given, **named)
        monkeypatch.setattr(MlflowClient, "search_runs", search)
        CellRun.begin(config, "b" * 64, {})
        return found

    monkeypatch.setattr(MlflowClient, "search_runs", searched)
    assert close_dead(config) == 0
    (run,) = runs(config.tracking.uri)
    assert (run.id, run.status) == (begun.run_id, "RUNNING")
    assert not process.is_dead(run.tags[process.TAG])


def test_a_run_of_another_machine_is_closed_once_it_is_silent_and_holds_no_lock(config):
    begin_elsewhere(config, silent=left.SILENCE_SECONDS + 30)
    with held(config):
        assert close_dead(config) == 0, "its cell is under way"
    assert status(config) == "RUNNING"
    assert close_dead(config) == 1
    (run,) = runs(config.tracking.uri)
    assert run.status == "KILLED"
    assert "gives no sign of life, and holds its cell's lock no" in run.tags["harness.failure"]
    assert close_dead(config) == 0


def test_a_lock_alone_says_nothing(config):
    """On some network file systems each machine has locks of its own."""
    begin_elsewhere(config, silent=left.SILENCE_SECONDS - 30)
    assert close_dead(config) == 0
    assert status(config) == "RUNNING"


def test_silence_alone_says_nothing(config):
    """A machine whose locks lie elsewhere, as with a server and work folders of its own."""
    begin_elsewhere(config, silent=1e6, locks="of another folder")
    assert close_dead(config) == 0
    assert status(config) == "RUNNING"


def test_a_process_that_is_seen_is_believed_whatever_its_age(config):
    run = CellRun.begin(config, "a" * 64, {"harness.trained_id": TRAINED})
    run.set_tags({HEARTBEAT: "1"})
    assert close_dead(config) == 0
    assert status(config) == "RUNNING"


def test_a_cell_that_runs_gives_signs_of_life(config, monkeypatch):
    now = [1_000_000.0]
    clock = SimpleNamespace(time=lambda: now[0], monotonic=lambda: now[0])
    monkeypatch.setattr(cell_run, "time", clock)
    run = CellRun.begin(config, "a" * 64, {})
    for passed, sign in ((0, 1_000_000), (30, 1_000_000), (70, 1_000_070)):
        now[0] = 1_000_000.0 + passed
        run.log(passed, {"train/loss": 1.0})
        run.flush()
        (found,) = runs(config.tracking.uri)
        assert found.tags[HEARTBEAT] == str(sign)


def test_locks_are_marked_once_for_all_who_share_them(config, tmp_path):
    uri = config.tracking.uri
    CellRun.begin(config, "a" * 64, {})
    (run,) = runs(uri)
    assert run.tags[LOCKS] == beside.mark(uri, "any, for they lie beside the store")
    code = f"from harness.tracking import beside; print(beside.mark({uri!r}, 'x'))"
    assert python(code).strip() == run.tags[LOCKS]
    server = "http://127.0.0.1:1"
    assert beside.mark(server, str(tmp_path / "a")) != beside.mark(server, str(tmp_path / "b"))
    assert beside.mark(server, str(tmp_path / "a")) == beside.mark(server, str(tmp_path / "a"))
