"""Workers: whatever becomes of a job's process is told as an outcome."""

import os
import signal
import time

import pytest

from harness.config import compose
from harness.sweep import worker
from harness.sweep.plan import plan
from harness.sweep.worker import Outcome
from tests import jobs
from tests.runs import runs
from tests.settings import python


def run(function, *arguments, log):
    """A job's events and outcome."""
    job = worker.start(function, arguments, log)
    events, end = [], time.monotonic() + 300
    while time.monotonic() < end:
        for _, news in worker.poll([job], 1.0):
            if isinstance(news, Outcome):
                assert not job.process.is_alive()
                return events, news
            events.append(news)
    raise AssertionError("no outcome")


def test_a_job_sends_events_and_gives_a_value(tmp_path):
    log = tmp_path / "deep" / "log.txt"
    events, outcome = run(jobs.give, {"a": 1}, log=log)
    assert events == [{"kind": "stage", "stage": "giving"}]
    assert outcome == Outcome("done", value={"a": 1})
    assert log.read_text() == "gave {'a': 1}\nfrom a subprocess\n"


@pytest.mark.parametrize("refused", [False, True])
def test_temporary_files_go_with_the_job(tmp_path, refused):
    events, outcome = run(jobs.litter, refused, log=tmp_path / "log.txt")
    assert outcome.status == ("refused" if refused else "done")
    assert not os.path.exists(events[0]["folder"])


def test_a_log_goes_on(tmp_path):
    for number in range(2):
        run(jobs.give, number, log=tmp_path / "log.txt")
    assert (tmp_path / "log.txt").read_text().count("gave") == 2


@pytest.mark.parametrize(
    ("function", "arguments", "status", "message"),
    [
        (jobs.refuse, (), "refused", "key: received x; accepted: y"),
        (jobs.be_busy, (), "busy", "another process is running this cell"),
        (jobs.fail, (), "failed", "RuntimeError: it went wrong"),
        (jobs.leave_politely, (), "failed", "SystemExit: 5"),
        (jobs.leave, (3,), "failed", "its process ended without a result (exit code 3)"),
        (jobs.leave, (0,), "failed", "its process ended without a result (exit code 0)"),
        (
            jobs.die,
            (signal.SIGKILL,),
            "failed",
            "its process was killed by SIGKILL (out of memory?)",
        ),
        (jobs.die, (signal.SIGSEGV,), "failed", "its process was killed by SIGSEGV"),
        (jobs.die, (signal.SIGTERM,), "interrupted", "interrupted"),
        (jobs.die, (signal.SIGHUP,), "interrupted", "interrupted"),
    ],
)
def test_other_ends(tmp_path, function, arguments, status, message):
    _, outcome = run(function, *arguments, log=tmp_path / "log.txt")
    assert outcome == Outcome(status, message=message)


def test_a_job_of_nohup_outlives_its_terminal(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        _, outcome = run(jobs.hang_up, log=tmp_path / "log.txt")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert outcome == Outcome("done", value="went on")


def test_it_does_so_whoever_started_the_server_of_forks(tmp_path):
    """Python has one a process: it may be that of another program, which ignores nothing."""
    code = f"""
import pathlib, signal
from harness.sweep import worker
from harness.system import forks
from tests import jobs
worker.PRELOAD = forks._FIRST = forks._LAST = ()
worker.warm()
signal.signal(signal.SIGHUP, signal.SIG_IGN)
job = worker.start(jobs.hang_up, (), pathlib.Path({str(tmp_path / "log.txt")!r}))
print(dict(worker.poll([job], 300))[job])
"""
    assert "went on" in python(code)


@pytest.mark.parametrize("log", ["log.txt", "/dev/full"])
def test_a_full_disk_is_a_line_that_says_what_to_do(tmp_path, log):
    _, outcome = run(jobs.fill, log=tmp_path / log)  # that of the log, too
    line = "No space left on device: free some, or choose other folders; then the same command"
    assert outcome == Outcome("failed", message=line)


def test_the_traceback_is_in_the_log(tmp_path):
    run(jobs.fail, log=tmp_path / "log.txt")
    text = (tmp_path / "log.txt").read_text()
    assert "Traceback" in text
    assert "and further down" in text


def test_a_value_that_cannot_be_sent_is_a_failure(tmp_path):
    _, outcome = run(jobs.unpicklable, log=tmp_path / "log.txt")
    assert outcome.status == "failed"


def wait_for(path):
    end = time.monotonic() + 300
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_stopped_job_may_tidy_up_and_a_second_signal_does_not_break_it_off(tmp_path):
    job = worker.start(jobs.work_until_asked, (str(tmp_path),), tmp_path / "log.txt")
    wait_for(tmp_path / "started")
    worker.stop([job])
    assert (tmp_path / "tidied").exists()
    assert not job.process.is_alive()


def test_a_job_that_loses_an_interrupt_is_asked_again(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "STOP_SECONDS", 20.0)
    job = worker.start(jobs.swallow, (str(tmp_path),), tmp_path / "log.txt")
    wait_for(tmp_path / "started")
    worker.stop([job])
    assert job.process.exitcode == 0, "it was killed"


def test_an_interrupt_that_was_made_an_error_is_one_all_the_same(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    (cell,) = plan([(compose([f"tracking.uri={uri}", f"work_dir={tmp_path / 'work'}"]), ())])
    _, outcome = run(jobs.lose_scope, cell, None, log=tmp_path / "log.txt")
    assert outcome == Outcome("interrupted", message="interrupted")
    (found,) = runs(uri)
    assert found.status == "KILLED"
    assert found.tags["harness.failure"].startswith("interrupted; ")


def test_a_job_that_does_not_listen_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.5)
    job = worker.start(jobs.deaf, (str(tmp_path),), tmp_path / "log.txt")
    wait_for(tmp_path / "started")
    worker.stop([job])
    assert job.process.exitcode == -signal.SIGKILL


def test_several_jobs_at_once(tmp_path):
    started = [worker.start(jobs.give, (i,), tmp_path / f"{i}.txt") for i in range(3)]
    values, running = {}, list(started)
    while running:
        for job, news in worker.poll(running, 1.0):
            if isinstance(news, Outcome):
                values[started.index(job)] = news.value
                running.remove(job)
    assert values == {0: 0, 1: 1, 2: 2}


def test_a_server_that_does_not_start_is_one_clear_line(tmp_path):
    (tmp_path / "broken_install.py").write_text("raise RuntimeError('no such symbol')\n")
    code = f"""
import os, pathlib
from harness.sweep import worker
from harness.errors import HarnessError
from tests import jobs
os.environ["PYTHONPATH"] += {os.pathsep + str(tmp_path)!r}
worker.PRELOAD = ("broken_install",)
try:
    worker.start(jobs.give, (1,), pathlib.Path({str(tmp_path / "log.txt")!r}))
except HarnessError as error:
    print(error)
"""
    assert "the process that imports TensorFlow for the cells did not start" in python(code)
