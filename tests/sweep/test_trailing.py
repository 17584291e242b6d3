"""How many cells may start beside those of which only the files are left to do."""

import os
import signal
import subprocess
import sys

import pytest

from harness.cell import memory, stages
from harness.config import compose
from harness.sweep.gpu_places import Place
from harness.sweep.plan import plan
from harness.sweep.trailing import NICENESS, Trailing
from harness.training.gpus import Gpu
from tests.cell.test_faults import is_alive, start, tag, wait_for
from tests.runs import assert_same_numbers, assert_same_weights, runs
from tests.settings import TINY, harness

TRAINED = {"kind": "trained", "bytes": 1000}
#: The steps of training are few, and the files many.
CELLS = (*TINY, "export=all")
#: Starts a thread that waits, and after its word another one.
THREADS = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("started", flush=True)
input()
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("started", flush=True)
input()
"""


@pytest.fixture
def cells(store_uri, tmp_path):
    where = (f"tracking.uri={store_uri}", f"work_dir={tmp_path}")
    return plan([(compose([f"seed={n}", *where]), (f"seed={n}",)) for n in (1, 2, 3)])


@pytest.fixture
def sleeper():
    """A process with two threads, which starts a third one when told so."""
    process = subprocess.Popen(
        [sys.executable, "-c", THREADS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "started\n"
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def pid(sleeper):
    return sleeper.pid


def niceness(pid):
    threads = [int(thread) for thread in os.listdir(f"/proc/{pid}/task")]
    return sorted(os.getpriority(os.PRIO_PROCESS, thread) for thread in threads)


def test_as_many_trail_as_run(cells, pid):
    trailing = Trailing(jobs=1)
    assert trailing.room(cells[:1]) == 0
    assert not trailing.heard(cells[0], {"kind": "stage", "stage": "evaluating"}, Place(), pid)
    assert trailing.room(cells[:1]) == 0
    assert trailing.heard(cells[0], TRAINED, Place(), pid)
    assert trailing.room(cells[:1]) == 1
    assert trailing.room(cells[:2]) == 0
    assert trailing.heard(cells[1], TRAINED, Place(), pid)
    assert trailing.room(cells[:2]) == 0, "two trail already"
    trailing.ended(cells[0])
    assert trailing.room(cells[1:2]) == 1


def test_none_starts_without_the_memory_that_the_last_one_had(cells, pid, monkeypatch):
    trailing = Trailing(jobs=2)
    trailing.heard(cells[0], TRAINED, Place(), pid)
    monkeypatch.setattr(memory, "available", lambda: 1000)
    assert trailing.room(cells[:2]) == 1
    monkeypatch.setattr(memory, "available", lambda: 999)
    assert trailing.room(cells[:2]) == 0
    assert trailing.room(cells[:1]) == 1, "beside which it would have run anyway"


def test_a_gpu_stays_its_cells(cells, pid):
    trailing = Trailing(jobs=1)
    assert trailing.heard(cells[0], TRAINED, Place((Gpu("0", "A100", 8000),)), pid)
    assert trailing.room(cells[:1]) == 0


def test_it_gives_way_with_all_its_threads(cells, sleeper):
    trailing, before = Trailing(jobs=1), niceness(sleeper.pid)
    assert len(before) == 2
    assert max(before) < NICENESS
    trailing.heard(cells[0], {"kind": "stage", "stage": "x"}, Place(), sleeper.pid)
    assert niceness(sleeper.pid) == before
    trailing.heard(cells[0], TRAINED, Place(), sleeper.pid)
    sleeper.stdin.write("\n")
    sleeper.stdin.flush()
    assert sleeper.stdout.readline() == "started\n"
    assert niceness(sleeper.pid) == [NICENESS] * 3


def test_nothing_happens_to_a_process_that_has_ended(cells, sleeper):
    sleeper.kill()
    sleeper.wait()
    assert Trailing(jobs=1).heard(cells[0], TRAINED, Place(), sleeper.pid)


def test_times_of_files_are_taken_beside_no_other_cell(cells, store_uri, pid):
    overrides = ["export.latency=true", f"tracking.uri={store_uri}"]
    (timed,) = plan([(compose(overrides), tuple(overrides))])
    trailing = Trailing(jobs=1)
    assert trailing.may_start(timed)
    trailing.heard(cells[0], TRAINED, Place(), pid)
    assert trailing.may_start(cells[1])
    assert not trailing.may_start(timed)
    trailing.ended(cells[0])
    assert trailing.may_start(timed)

    heard = []
    stages.say_trained(timed, heard.append)
    assert heard == []
    stages.say_trained(cells[0], heard.append)
    (event,) = heard
    assert event["kind"] == "trained"
    assert event["bytes"] > 1e6


@pytest.fixture(scope="module")
def ordeal(tmp_path_factory):
    """A cell that is killed while it trails, then ended with the sweep, then let through."""
    folder = tmp_path_factory.mktemp("ordeal")
    uri = f"sqlite:///{folder / 'mlflow.db'}"

    def both(other):  # the pid of the first of two that run at once, of which one may train
        return tag(folder, "harness.pid", other) and tag(folder, "harness.pid", 1)

    process = start(folder, "run", *CELLS, "seed=1,2")
    os.kill(int(wait_for(lambda: both(2), process)), signal.SIGKILL)
    out, _ = process.communicate(timeout=600)
    facts = {"killed": (process.returncode, out, runs(uri))}
    for number, seed in ((signal.SIGTERM, 3), (signal.SIGINT, 4)):
        process = start(folder, "run", *CELLS, f"seed=1,{seed}")
        pid = int(wait_for(lambda seed=seed: both(seed), process))
        os.killpg(process.pid, number)
        process.communicate(timeout=600)
        facts[number] = (process.returncode, is_alive(pid), runs(uri))
    done = harness("run", *CELLS, "seed=1,3,4", cwd=folder)
    facts["finished"] = (done.returncode, done.stdout + done.stderr, runs(uri))
    return facts


def of_seed(found, seed):
    (run,) = [run for run in found if run.params["seed"] == str(seed)]
    return run


def test_a_kill_while_it_trails_is_its_own(ordeal):
    code, out, found = ordeal["killed"]
    assert code == 1
    assert "its process was killed by SIGKILL" in out
    assert of_seed(found, 1).status == "FAILED"
    assert of_seed(found, 2).status == "FINISHED"


@pytest.mark.parametrize(("number", "other"), [(signal.SIGTERM, 3), (signal.SIGINT, 4)])
def test_an_interrupt_ends_what_trails_and_what_trains(ordeal, number, other):
    code, alive, found = ordeal[number]
    assert code == 128 + number
    assert not alive
    assert of_seed(found, 1).status == of_seed(found, other).status == "KILLED"


def test_the_same_command_makes_up_for_all_of_it(ordeal, tmp_path):
    code, out, found = ordeal["finished"]
    assert code == 0, out
    assert [run.status for run in found] == ["FINISHED"] * 4
    assert len({run.params["seed"] for run in found}) == 4
    done = harness("run", *CELLS, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (undisturbed,) = runs(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert_same_numbers(of_seed(found, 1), undisturbed)
    assert_same_weights(of_seed(found, 1), undisturbed)
