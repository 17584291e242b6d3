"""SLURM: what its jobs ask for, what its words mean, and what becomes of a cell whose job ends."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from harness.cell.cell import work_path
from harness.config import compose
from harness.config.schema import EngineOptions
from harness.errors import ConfigError
from harness.sweep.engines import slurm
from harness.sweep.engines.base import ENDED, FAILED, WAITING
from harness.sweep.engines.slurm import Slurm
from harness.sweep.plan import plan
from tests.cell.test_faults import CELL, LOG_EVERY, SOME_STEPS, checkpoints, stood, tag, wait_for
from tests.runs import assert_same_numbers, by_sparsity, copied, runs
from tests.settings import environment, harness, shell
from tests.sweep.engines.real import LONG, Submitted, until

PARTITIONS = """\
PartitionName=usual Default=YES QoS=N/A DefaultTime=NONE MaxTime=UNLIMITED
PartitionName=short Default=NO QoS=N/A DefaultTime=NONE MaxTime=01:30:00
PartitionName=long Default=NO QoS=N/A DefaultTime=1-00:30:00 MaxTime=UNLIMITED
"""


def answering(monkeypatch, **answers):
    """SLURM's programs answer so, and those without an answer do not."""
    monkeypatch.setattr(
        slurm, "_asked", lambda name, *_: (answers[name], "") if name in answers else ("", "away")
    )


def test_slurm_s_words_are_those_of_all_engines(monkeypatch, tmp_path):
    said = "2|COMPLETED\n3|CANCELLED by 0\n4|OUT_OF_MEMORY\n5|PENDING\n"
    jobs = {"a": "2", "b": "3", "c": "4", "d": "5", "e": "6"}
    meant = {"a": ENDED, "b": "cancelled", "c": FAILED, "d": WAITING}
    answering(monkeypatch, sacct=said)
    assert Slurm().states(jobs, tmp_path) == meant
    answering(monkeypatch, squeue=said)
    assert Slurm().states(jobs, tmp_path) == meant


def test_the_queue_knows_better_than_the_accounting(monkeypatch, tmp_path):
    answering(monkeypatch, sacct="2|RUNNING\n3|COMPLETED\n", squeue="2|COMPLETED\n9|PENDING\n")
    assert Slurm().states({"a": "2", "b": "3"}, tmp_path) == {"a": ENDED, "b": ENDED}


def test_where_nobody_answers_nothing_is_taken_for_ended(monkeypatch, tmp_path):
    answering(monkeypatch)
    with pytest.raises(ConfigError, match=r"neither squeue \(away\) nor sacct \(away\) answers"):
        Slurm().states({"a": "2"}, tmp_path)


def test_only_what_lives_is_cancelled(monkeypatch, tmp_path):
    called = []

    def asked(name, *given):
        called.append((name, *given))
        return {"squeue": ("2|RUNNING\n3|COMPLETED\n", ""), "sacct": ("", "none")}.get(
            name, ("", "Access denied")
        )

    monkeypatch.setattr(slurm, "_asked", asked)
    with pytest.raises(ConfigError, match=r"not all of the jobs 2 \(Access denied\)"):
        Slurm().cancel({"a": "2", "b": "3", "c": "4"}, tmp_path)
    assert called[-1] == ("scancel", "2")
    Slurm().cancel({"b": "3", "c": "4"}, tmp_path)
    assert [name for name, *_ in called].count("scancel") == 1


@pytest.mark.parametrize(
    ("partition", "time", "minutes"),
    [
        (None, None, 365 * 24 * 60),
        ("short", None, 90),
        ("long", None, 24 * 60 + 30),
        ("long,short", None, 90),
        ("short", 7, 7),
    ],
)
def test_a_job_without_a_time_has_its_partition_s(monkeypatch, partition, time, minutes):
    answering(monkeypatch, scontrol=PARTITIONS)
    resources = EngineOptions(partition=partition, time=time)
    assert slurm._flags(resources, slurm._limits(), "afterok", [])["timeout_min"] == minutes


#: Stands for SLURM's programs: takes as many jobs as `room` says, keeps their files, starts none.
PROGRAMS = {
    "sbatch": 'echo x >> jobs; n=$(wc -l < jobs); if [ "$n" -gt "$(cat room)" ]; then\n'
    'echo "sbatch: error: Unable to contact slurm controller" >&2; exit 1; fi\n'
    'cp "$1" "job$n"; echo Submitted batch job $n',
    "squeue": 'for n in 1 2 3 4 5 6; do echo "$n|PENDING"; done',
    "sacct": "exit 1",
    "scontrol": f"cat <<'END'\n{PARTITIONS}END",
    "srun": "exit 1",
}


def flags(file: Path) -> dict[str, str]:
    """What a job's file asks SLURM for."""
    lines = [line for line in file.read_text().splitlines() if line.startswith("#SBATCH --")]
    return dict(line.removeprefix("#SBATCH --").split("=", 1) for line in lines if "=" in line)


def test_what_slurm_took_before_it_refused_is_under_way(swept, tmp_path, monkeypatch):
    copy = copied(swept.folder, tmp_path / "copy")
    for name, lines in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\ncd {tmp_path}\n{lines}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    # In processes of its own: importing submitit closes streams that others' log handlers hold.
    resources = ("engine.partition=short", "engine.cpus=2", "engine.memory=1.5", "engine.gpus=1")
    asked = ("sweep", "tiny.yaml", "export=keras", *resources, "--on", "slurm")
    (tmp_path / "room").write_text("2")
    done = shell(*asked, cwd=copy)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "SLURM took 2 of 3 cells (sbatch: error: Unable to contact slurm controller)" in line
    (tmp_path / "room").write_text("9")
    done = shell(*asked, cwd=copy)
    assert done.returncode == 0, done.stderr
    assert "1 of 3 cells are submitted to slurm; 2 are under way" in done.stdout

    dense, sparse, other, table = (flags(tmp_path / f"job{n}") for n in (1, 2, 4, 5))
    for job in (dense, sparse, other):
        wanted = {"partition": "short", "time": "90", "cpus-per-task": "2", "gpus-per-node": "1"}
        assert wanted.items() <= job.items()
        assert job["mem"] == "1536MB"
    assert not {"dependency", "kill-on-invalid-dep"} & dense.keys()
    for job in (sparse, other):
        assert (job["dependency"], job["kill-on-invalid-dep"]) == ("afterok:1", "yes")
    assert (table["time"], table["partition"]) == ("90", "short")
    assert table["dependency"] == "afterany:1:2:4"
    assert not {"cpus-per-task", "gpus-per-node", "mem"} & table.keys()


#: A job as submitit starts it, with its handlers: SIGTERM is left be, SIGUSR2 queues it again.
JOB = """
import json, signal, sys
from harness.sweep.engines.slurm import _CellJob

def queue_again(*_):
    print("queued again")
    sys.exit(-1)

signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGUSR2, queue_again)
_CellJob(*json.loads(sys.argv[1]))()
"""
PREEMPTED = "JobId=7 JobState=RUNNING Requeue=1 PreemptTime=2026-01-01T00:00:00 SuspendTime=None"
CANCELLED = "JobId=7 JobState=CANCELLED Requeue=1 PreemptTime=None SuspendTime=None"


@pytest.mark.parametrize(
    ("number", "kill", "said", "again"),
    [
        pytest.param(signal.SIGUSR2, os.killpg, CANCELLED, True, id="warned, every process"),
        pytest.param(signal.SIGTERM, os.kill, PREEMPTED, True, id="preempted, the task alone"),
        pytest.param(signal.SIGTERM, os.killpg, CANCELLED, False, id="cancelled, every process"),
    ],
)
def test_a_signal_to_a_job_checkpoints_its_cell(store_uri, tmp_path, number, kill, said, again):
    (tmp_path / "scontrol").write_text(f"#!/bin/sh\necho '{said}'\n")
    (tmp_path / "scontrol").chmod(0o755)
    overrides = (*CELL, f"tracking.uri={store_uri}", f"work_dir={tmp_path / 'work'}")
    (cell,) = plan([(compose(overrides), overrides)])
    given = json.dumps([str(tmp_path), cell.id, overrides, None])
    own = {"SLURM_JOB_ID": "7", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    began = time.time()
    process = subprocess.Popen(
        [sys.executable, "-c", JOB, given],
        env=environment() | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    pid = int(wait_for(lambda: tag(tmp_path, "harness.pid"), process))
    os.kill(pid, signal.SIGUSR1)
    wait_for(lambda: checkpoints(tmp_path), process)
    time.sleep(SOME_STEPS)
    kill(process.pid, number)
    out, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert ("queued again" in out) == again, err
    (run,) = runs(store_uri)
    assert run.status == "KILLED"
    kept, logged = stood(work_path(cell) / "checkpoint.npz", store_uri, began)
    assert 0 < kept < 400
    assert logged is None or 0 <= kept - logged < LOG_EVERY, "no checkpoint of the step reached"


# On a SLURM that is really there ---------------------------------------------------------


def restarts(job: str) -> int:
    done = subprocess.run(
        ["scontrol", "show", "job", "-o", job], check=True, capture_output=True, text=True
    )
    return int(done.stdout.partition(" Restarts=")[2].split()[0])


def at_once(job: str) -> None:
    """A job that was queued again waits two minutes for its nodes to forget it: not here."""
    command = ["scontrol", "update", f"JobId={job}", "StartTime=now"]
    until(lambda: subprocess.run(command, capture_output=True).returncode == 0, 60)


def processes(job: str) -> list[int]:
    """The processes of a job's task itself, of which the others are children."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            mine = f"SLURM_JOB_ID={job}".encode() in (folder / "environ").read_bytes().split(b"\0")
            if mine and b"submitit.core._submit" in words and b"srun" not in words[0]:
                found.append(int(folder.name))
    return found


def assert_all_finished(submitted: Submitted) -> None:
    found = by_sparsity(submitted.uri)  # one run a cell
    assert found.keys() == {"dense", "random", "structured_2x4"}
    assert {run.status for run in found.values()} == {"FINISHED"}
    for run in found.values():
        steps = [step for step, _ in run.history("train/loss")]
        assert len(steps) == len(set(steps)), "a step was logged twice"
    (parent,) = until(lambda: [r for r in runs(submitted.uri, "sweep") if r.status == "FINISHED"])
    assert {run.tags["mlflow.parentRunId"] for run in found.values()} == {parent.id}


@pytest.mark.slow
def test_a_killed_dense_job_takes_its_sparse_ones_with_it(tmp_path):
    submitted = Submitted("slurm", tmp_path)
    assert submitted.submit().startswith("3 of 3 cells are submitted to slurm; 0 are under way")
    job = submitted.dense()
    until(lambda: checkpoints(tmp_path))
    (task,) = processes(job)
    os.kill(task, signal.SIGKILL)
    assert submitted.settled() == {"failed": 1, "cancelled": 2}
    again = "3 of 3 cells are submitted to slurm; 0 are under way, 0 finished."
    assert submitted.submit().startswith(again)
    assert submitted.settled() == {"finished": 3}
    submitted.table()
    assert_all_finished(submitted)
    assert submitted.submit().startswith("Nothing to do: 3 cells are finished.")


@pytest.mark.slow
@pytest.mark.parametrize("number", ["USR1", "USR2"])
def test_a_warned_job_is_queued_again_and_goes_on(tmp_path, number):
    submitted = Submitted("slurm", tmp_path)
    submitted.submit()
    job = submitted.dense()
    until(lambda: checkpoints(tmp_path))
    subprocess.run(["scancel", "--signal", number, job], check=True)
    until(lambda: restarts(job) == 1)
    (run,) = until(lambda: [run for run in runs(submitted.uri) if run.status == "KILLED"])
    assert checkpoints(tmp_path)
    at_once(job)
    assert submitted.settled() == {"finished": 3}
    assert "harness.resumed_on" in by_sparsity(submitted.uri)["dense"].tags
    assert by_sparsity(submitted.uri)["dense"].id == run.id
    submitted.table()
    assert_all_finished(submitted)


@pytest.mark.slow
def test_a_preempted_job_is_queued_again_with_a_checkpoint_of_the_step_reached(tmp_path):
    submitted = Submitted("slurm", tmp_path)
    if "urgent" not in slurm._limits():
        pytest.skip("there is no partition `urgent` (scripts/slurm_on_loopback.sh)")
    began = time.time()
    submitted.submit()
    job = submitted.dense()
    until(lambda: checkpoints(tmp_path))
    urgent = ["sbatch", "-p", "urgent", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 5"]
    subprocess.run(urgent, check=True, capture_output=True)
    until(lambda: restarts(job) == 1)
    (run,) = until(lambda: [run for run in runs(submitted.uri) if run.status == "KILLED"])
    (path,) = checkpoints(tmp_path)
    kept, logged = stood(path, submitted.uri, began)
    assert logged is None or 0 <= kept - logged < LOG_EVERY, "no checkpoint of the step reached"
    at_once(job)
    assert submitted.settled() == {"finished": 3}
    submitted.table()
    assert by_sparsity(submitted.uri)["dense"].id == run.id
    assert_all_finished(submitted)


SCRIPT = """\
#!/bin/bash
#SBATCH --requeue
#SBATCH --output=log.txt
#SBATCH --open-mode=append
exec {command}
"""


@pytest.mark.slow
def test_slurms_warning_has_a_script_of_one_s_own_run_again(tmp_path):
    Submitted("slurm", tmp_path)  # or there is none
    alone = tmp_path / "alone"
    alone.mkdir()
    done = harness("run", *LONG, cwd=alone)
    assert done.returncode == 0, done.stderr
    words = " ".join([sys.executable, "-m", "harness", "run", *(f"'{each}'" for each in LONG)])
    (tmp_path / "job.sh").write_text(SCRIPT.format(command=words))
    sent = subprocess.run(
        ["sbatch", "--parsable", "job.sh"],
        cwd=tmp_path,
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    job = sent.stdout.strip()
    until(lambda: checkpoints(tmp_path))
    subprocess.run(["scancel", "--batch", "--signal", "USR1", job], check=True)
    until(lambda: restarts(job) == 1)
    at_once(job)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    (run,) = until(lambda: [run for run in runs(uri) if run.status == "FINISHED"])
    assert f"SLURM has queued job {job} again" in (tmp_path / "log.txt").read_text()
    assert len(runs(uri)) == 1
    (other,) = runs(f"sqlite:///{alone / 'mlflow.db'}")
    assert_same_numbers(run, other)
