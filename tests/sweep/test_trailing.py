"""How many cells may start beside those of which only the files are left to do."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.cell import memory, stages
from harness.config import compose
from harness.sweep.gpu_places import Place
from harness.sweep.plan import plan
from harness.sweep.trailing import NICENESS, Trailing, give_way
from harness.training.gpus import Gpu
from tests.cell.test_faults import is_alive, start, tag, wait_for
from tests.runs import assert_same_numbers, assert_same_weights, runs
from tests.settings import TINY, harness

TRAINED = {"kind": "trained", "bytes": 1000}
#: The steps of training are few; the files take as long as the next cell does to start.
CELLS = (*TINY, "export.formats=[tflite,tflite_int8,tflite_sparse]")


def niceness(pid):
    threads = [int(thread) for thread in os.listdir(f"/proc/{pid}/task")]
    return sorted(os.getpriority(os.PRIO_PROCESS, thread) for thread in threads)


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
    assert niceness(sleeper.pid) == before, "none trains beside it yet"
    trailing.give_way()
    sleeper.stdin.write("\n")
    sleeper.stdin.flush()
    assert sleeper.stdout.readline() == "started\n"
    assert niceness(sleeper.pid) == [NICENESS] * 3


def test_what_gives_way_gets_a_tenth_of_what_a_busy_program_gets():
    """Two that never wait, on one core: the one that gives way is neither stopped nor its equal."""
    core = min(os.sched_getaffinity(0))
    busy = f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    with ExitStack() as ending:
        both = [subprocess.Popen([sys.executable, "-c", busy]) for _ in range(2)]
        for process in both:
            ending.callback(process.wait)
            ending.callback(process.kill)
        give_way(both[1].pid)
        time.sleep(1)  # how they start is not to count
        before = [processor_seconds(process.pid) for process in both]
        time.sleep(4)
        used = [processor_seconds(p.pid) - b for p, b in zip(both, before, strict=True)]
    assert used[0] / 30 < used[1] < used[0] / 4


def test_nothing_happens_to_a_process_that_has_ended(cells, sleeper):
    sleeper.kill()
    sleeper.wait()
    trailing = Trailing(jobs=1)
    assert trailing.heard(cells[0], TRAINED, Place(), sleeper.pid)
    trailing.give_way()


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

    def interrupted(number, other):  # while the files of seed 1 are written, and another trains
        process = start(folder, "run", *CELLS, f"seed=1,{other}")
        wait_for(lambda: tag(folder, "harness.pid", other), process)
        pid = int(tag(folder, "harness.pid", 1))
        os.kill(pid, number) if number == signal.SIGKILL else os.killpg(process.pid, number)
        out, _ = process.communicate(timeout=600)
        return process.returncode, out, is_alive(pid), runs(uri)

    facts = {"killed": interrupted(signal.SIGKILL, 2)}
    for number in (signal.SIGTERM, signal.SIGINT):
        facts[number] = interrupted(number, 3)
    done = harness("run", *CELLS, "seed=1,3", cwd=folder)
    facts["finished"] = (done.returncode, done.stdout + done.stderr, runs(uri))
    return facts


def of_seed(found, seed):
    (run,) = [run for run in found if run.params["seed"] == str(seed)]
    return run


@pytest.mark.slow
def test_a_kill_while_it_trails_is_its_own(ordeal):
    code, out, alive, found = ordeal["killed"]
    assert code == 1
    assert "its process was killed by SIGKILL" in out
    assert not alive
    assert of_seed(found, 1).status == "FAILED"
    assert of_seed(found, 2).status == "FINISHED"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow
def test_an_interrupt_ends_what_trails_and_what_trains(ordeal, number):
    code, _, alive, found = ordeal[number]
    assert code == 128 + number
    assert not alive
    assert of_seed(found, 1).status == of_seed(found, 3).status == "KILLED"


@pytest.mark.slow
def test_the_same_command_makes_up_for_all_of_it(ordeal, tmp_path):
    code, out, found = ordeal["finished"]
    assert code == 0, out
    assert [run.status for run in found] == ["FINISHED"] * 3
    assert len({run.params["seed"] for run in found}) == 3
    done = harness("run", *CELLS, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (undisturbed,) = runs(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert_same_numbers(of_seed(found, 1), undisturbed)
    assert_same_weights(of_seed(found, 1), undisturbed)
