"""What may happen to a running cell: each of it survived, and without a trace in its numbers."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from harness.cell.cell import work_path
from harness.config import compose
from harness.sweep.plan import plan
from harness.training.checkpoint import Checkpoint
from tests.runs import assert_same_numbers, assert_same_weights, by_sparsity, runs
from tests.settings import TINY, command, environment, harness

LOG_EVERY = 5
#: A dense cell of some seconds, with a checkpoint every 99 steps of its 400, and where asked for.
CELL = (
    *TINY,
    "training.dense.steps=400",
    "training.checkpoint_epochs=3.2",
    f"training.log_every={LOG_EVERY}",
    "export.formats=[]",
)
#: Seconds in which it takes some steps more, once it has written a checkpoint; where a machine is
#: too slow for that, none is lost all the same.
SOME_STEPS = 0.5


def start(folder: Path, *arguments: str, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment() | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(found, process: subprocess.Popen[str], seconds: float = 600):
    """Polls until `found()` gives something, while the process lives."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = found()
        if result:
            return result
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def tag(folder: Path, key: str, seed: int = 1) -> str | None:
    """A tag of the running cell with this seed, read without disturbing it."""
    path = folder / "mlflow.db"
    if not path.exists():
        return None
    query = """
        SELECT tags.value FROM tags JOIN runs USING (run_uuid) JOIN params USING (run_uuid)
        WHERE tags.key = ? AND params.key = 'seed' AND params.value = ? AND status = 'RUNNING'
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            found = db.execute(query, (key, str(seed))).fetchone()
    except sqlite3.OperationalError:  # not all tables are made
        return None
    return found[0] if found else None


def checkpoints(folder: Path) -> dict[Path, int]:
    found = {}
    for path in (folder / "work" / "cells").glob("*/checkpoint.npz"):
        try:
            found[path] = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return found


def training(folder: Path, process: subprocess.Popen[str]) -> int:
    """Waits until the cell of seed 1 has written a checkpoint; returns its process's id."""
    before = checkpoints(folder)
    pid = int(wait_for(lambda: tag(folder, "harness.pid"), process))
    process.send_signal(signal.SIGUSR1)
    wait_for(lambda: checkpoints(folder) != before, process)
    return pid


def stood(path: Path, uri: str, began: float) -> tuple[int, int | None]:
    """The step of the checkpoint, and the last one logged since `began` (None), of seed 1."""
    state = Checkpoint(path).load()
    assert state is not None
    run = of_seed(runs(uri), 1)
    points = run.client.get_metric_history(run.id, "train/loss")
    return state.step, max(
        (one.step for one in points if one.timestamp >= began * 1e3), default=None
    )


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    done = harness("run", *CELL, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return by_sparsity(f"sqlite:///{folder / 'mlflow.db'}")["dense"]


@pytest.fixture(scope="module")
def ordeal(tmp_path_factory):
    """One cell killed, orphaned, interrupted, damaged and at last let through, in this order."""
    folder = tmp_path_factory.mktemp("ordeal")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    facts = {"folder": folder, "uri": uri}

    process = start(folder, "run", *CELL, "seed=1,2")
    os.kill(training(folder, process), signal.SIGKILL)
    out, err = process.communicate(timeout=600)
    facts["killed"] = (process.returncode, out, err, runs(uri))

    process = start(folder, "run", *CELL)
    pid = training(folder, process)
    process.kill()
    process.communicate(timeout=600)
    end = time.monotonic() + 120
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.1)
    facts["orphaned"] = (is_alive(pid), runs(uri))

    began = time.time()
    process = start(folder, "run", *CELL)
    training(folder, process)
    (path,) = checkpoints(folder)
    time.sleep(SOME_STEPS)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to every process
    out, err = process.communicate(timeout=600)
    facts["interrupted"] = (process.returncode, out, err, stood(path, uri, began), runs(uri))

    assert process.returncode == 130, (out, err)
    temporary = folder / "t"
    temporary.mkdir()
    began = time.time()
    process = start(folder, "run", *CELL, TMPDIR=str(temporary))
    training(folder, process)
    time.sleep(SOME_STEPS)
    os.killpg(process.pid, signal.SIGTERM)  # as SLURM and systemd do
    asked = time.monotonic()
    out, err = process.communicate(timeout=600)
    took = time.monotonic() - asked
    left = list(temporary.iterdir())
    facts["terminated"] = (process.returncode, err, stood(path, uri, began), took, left, runs(uri))

    content = path.read_bytes()
    path.write_bytes(content[:1000])
    done = harness("run", *CELL, cwd=folder)
    facts["damaged"] = (done.returncode, done.stdout, done.stderr, path, runs(uri))
    path.write_bytes(content)

    done = harness("run", *CELL, cwd=folder)
    facts["finished"] = (done.returncode, done.stdout, done.stderr, runs(uri))
    return facts


def of_seed(found, seed):
    (run,) = [run for run in found if run.params["seed"] == str(seed)]
    return run


def test_a_killed_cell_is_failed_and_the_others_go_on(ordeal):
    code, out, err, found = ordeal["killed"]
    assert code == 1
    assert "its process was killed by SIGKILL" in out
    assert re.search(r"log of mnist_cnn · dense · .*seed 1", out)
    assert err == ""
    assert of_seed(found, 2).status == "FINISHED"
    killed = of_seed(found, 1)
    assert killed.status == "FAILED"
    assert "SIGKILL" in killed.tags["harness.failure"]


def test_a_cell_dies_with_the_harness(ordeal):
    alive, found = ordeal["orphaned"]
    assert not alive
    assert of_seed(found, 1).status != "FINISHED"


def test_an_interrupted_cell_says_so(ordeal):
    code, _, err, (kept, logged), found = ordeal["interrupted"]
    assert code == 130
    assert logged is None or 0 <= kept - logged < LOG_EVERY, "no checkpoint of the step reached"
    assert err.splitlines() == ["harness: interrupted; the same command goes on from here"]
    assert of_seed(found, 1).status == "KILLED"


def test_sigterm_checkpoints_the_step_reached_within_the_time_that_docker_gives(ordeal):
    code, err, (kept, logged), took, left, found = ordeal["terminated"]
    assert code == 128 + signal.SIGTERM
    assert err.splitlines() == ["harness: interrupted; the same command goes on from here"]
    assert ordeal["interrupted"][3][0] <= kept < 400
    assert logged is None or 0 <= kept - logged < LOG_EVERY, "no checkpoint of the step reached"
    assert took < 60, "10 s, where nothing else runs"
    assert of_seed(found, 1).status == "KILLED"
    assert not left, "temporary files"


def test_a_damaged_checkpoint_is_one_clear_line(ordeal):
    code, out, err, path, found = ordeal["damaged"]
    assert (code, err) == (2, "")
    (line,) = [line for line in out.splitlines() if "damaged checkpoint" in line]
    assert str(path) in line
    assert line.endswith("delete it to train this phase anew")
    assert "Traceback" not in out
    assert of_seed(found, 1).status == "FAILED"
    assert "damaged checkpoint" in of_seed(found, 1).tags["harness.failure"]


def test_it_was_one_run_all_along(ordeal):
    ids = {
        of_seed(ordeal[stage][-1], 1).id
        for stage in ("killed", "orphaned", "interrupted", "terminated", "damaged", "finished")
    }
    assert len(ids) == 1


def test_it_ends_with_the_numbers_that_it_would_have_had(ordeal, undisturbed):
    code, out, err, found = ordeal["finished"]
    assert (code, err) == (0, ""), out
    run = of_seed(found, 1)
    assert run.status == "FINISHED"
    assert "harness.failure" not in run.tags
    assert_same_numbers(run, undisturbed)
    assert_same_weights(run, undisturbed)
    assert [step for step, _ in undisturbed.history("train/loss")] == list(range(5, 401, 5))
    assert not checkpoints(ordeal["folder"])
    for key in ("train/loss", "val/loss"):
        steps = [step for step, _ in run.history(key)]
        assert len(steps) == len(set(steps)), f"{key}: steps logged twice"
    assert "time/step_ms" in run.metrics


def test_four_sweeps_started_at_once_share_the_cells(tmp_path):
    (tmp_path / "pair.yaml").write_text(
        "title: A pair\nscale: small\nblocks:\n"
        f"  - overrides: [{', '.join(repr(each) for each in (*TINY, 'export.formats=[]'))}]\n"
        "    cells: [sparsity=dense, sparsity=random]\n"
    )
    all_four = [start(tmp_path, "sweep", "pair.yaml") for _ in range(4)]
    for process in all_four:
        out, err = process.communicate(timeout=300)
        assert (process.returncode, err) == (0, ""), out
        assert "random 50%" in out
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    cells = by_sparsity(uri)
    assert cells.keys() == {"dense", "random"}
    assert {run.status for run in cells.values()} == {"FINISHED"}
    for run in cells.values():
        steps = [step for step, _ in run.history("train/loss")]
        assert steps == sorted(set(steps)), "a step was logged twice: the cell was run twice"
        assert "harness.resumed_on" not in run.tags
    (parent,) = runs(uri, "sweep")
    assert {run.tags["mlflow.parentRunId"] for run in cells.values()} == {parent.id}
    assert (tmp_path / "results" / "pair" / "table.md").exists()


@pytest.mark.slow
def test_a_terminal_that_is_closed_ends_a_command_as_ctrl_c_does(tmp_path):
    """What draws the terminal is killed; the system then hangs up on all that runs in it."""
    drawing = subprocess.Popen(
        [sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])", *command("run", *CELL)],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    cell = int(wait_for(lambda: tag(tmp_path, "harness.pid"), drawing))
    (harness_pid,) = Path(f"/proc/{drawing.pid}/task/{drawing.pid}/children").read_text().split()
    os.kill(int(harness_pid), signal.SIGUSR1)
    wait_for(lambda: checkpoints(tmp_path), drawing)
    time.sleep(SOME_STEPS)
    drawing.kill()
    drawing.wait()
    end = time.monotonic() + 60
    while (is_alive(int(harness_pid)) or is_alive(cell)) and time.monotonic() < end:
        time.sleep(0.1)
    (run,) = runs(tmp_uri(tmp_path))
    assert run.status == "KILLED"
    (path,) = checkpoints(tmp_path)
    kept, logged = stood(path, tmp_uri(tmp_path), 0)
    assert logged is None or 0 <= kept - logged < LOG_EVERY, "no checkpoint of the step reached"


def test_a_new_run_takes_no_checkpoint_of_a_deleted_one(tmp_path):
    overrides = [*TINY, f"work_dir={tmp_path / 'work'}", f"tracking.uri={tmp_uri(tmp_path)}"]
    (cell,) = plan([(compose(overrides), tuple(overrides))])
    stale = work_path(cell) / "checkpoint.npz"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"what a run left that is no longer in the store")
    done = harness("run", *overrides, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = runs(tmp_uri(tmp_path))
    assert run.history("train/loss")[0][0] == 10  # from the first steps on


def tmp_uri(folder):
    return f"sqlite:///{folder / 'mlflow.db'}"
