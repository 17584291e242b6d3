"""Cells as jobs of an engine: what is submitted, what is left alone, and the table at the end."""

import json
import os
import shutil
import time
from dataclasses import dataclass
from typing import ClassVar

import pytest

from harness.config import compose, credentials
from harness.errors import ConfigError
from harness.options import choice
from harness.sweep import detached
from harness.sweep.engines import ray
from harness.sweep.engines.base import ENDED, ENGINES, FAILED, RUNNING, WAITING, Engine, chosen
from harness.sweep.engines.slurm import Slurm
from tests.conftest import SWEEP
from tests.runs import copied, runs
from tests.servers import Server
from tests.settings import harness, shell


@choice
@dataclass
class Held(Engine):
    """Takes jobs and runs none until it is told to."""

    package: ClassVar[str] = "json"
    name: str = "held"

    orders: ClassVar[list] = []
    state: ClassVar[str] = WAITING

    def submit(self, order, note):
        Held.orders.append(order)
        jobs = {work.cell: f"job{len(Held.orders)}" for work in order.works}
        note({**order.running, **jobs, "table": "table"})

    def states(self, jobs, folder):
        return dict.fromkeys(jobs, Held.state)

    def cancel(self, jobs, folder):
        if set(jobs) != {"table"}:
            Held.state = "cancelled"


@pytest.fixture
def held():
    Held.orders, Held.state = [], WAITING
    yield Held
    Held.orders = []


def test_a_sweep_goes_through_an_engine_to_its_table(swept, held, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what jobs call goes elsewhere, and stays there
    copy = copied(swept.folder, tmp_path / "copy")
    uri = f"sqlite:///{copy / 'mlflow.db'}"
    asked = ("sweep", "tiny.yaml", "export=keras", "engine.cpus=2")
    done = harness(*asked, "--on", "held", cwd=copy)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 of 3 cells are submitted to held; 0 are under way, 0 finished")
    (order,) = held.orders
    dense, *sparse = order.works
    assert [work.needs for work in order.works] == [None, dense.cell, dense.cell]
    assert {work.resources.cpus for work in order.works} == {2}
    assert (
        "Nothing to submit: 3 cells are under way."
        in harness(*asked, "--on", "held", cwd=copy).stdout
    )
    told = json.loads(harness(*asked, "--status", "--json", cwd=copy).stdout)
    assert told["counts"] == {"waiting": 3}
    detached.run_one(str(copy), dense.cell, dense.overrides, order.parent_run)
    harness(*asked, "--cancel", cwd=copy)
    assert held.state == "cancelled"
    done = harness(*asked, "--status", cwd=copy)
    assert done.returncode == 1
    assert "3 cells: 1 finished, 2 cancelled." in done.stdout
    harness(*asked, "--on", "held", cwd=copy)
    again = held.orders[-1]
    assert [work.cell for work in again.works] == [work.cell for work in sparse]
    for work in again.works:
        detached.run_one(str(copy), work.cell, work.overrides, again.parent_run)
    detached.write_table(str(copy), again.sweep, again.extra, str(tmp_path / "table"))
    assert (tmp_path / "table" / "table.md").exists()
    (parent,) = [run for run in runs(uri, "sweep") if run.id == order.parent_run]
    assert parent.status == "FINISHED"
    mine = [run for run in runs(uri) if run.tags.get("mlflow.parentRunId") == parent.id]
    assert {run.tags["harness.cell_id"] for run in mine} == {work.cell for work in order.works}
    done = harness(*asked, "--on", "held", cwd=copy)
    assert done.stdout.startswith("Nothing to do: 3 cells are finished.")
    assert len(held.orders) == 2


def test_an_engine_is_given_no_password(held, tmp_path, monkeypatch):
    """Neither of the command line's nor of the sweep's file: engines write down what they get."""
    monkeypatch.setenv(credentials.VARIABLE, "")
    server = Server(tmp_path).start()
    uri = server.uri.replace("http://", "http://ann:s3cret@")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "tiny.yaml").write_text(
        SWEEP.replace("'model", f"'tracking.uri={uri}', 'model", 1)
    )
    for extra in ((f"tracking.uri={uri}",), ("seed=2",)):
        done = harness("sweep", "tiny.yaml", *extra, "--on", "held", cwd=tmp_path / "here")
        assert done.returncode == 0, done.stderr
        assert "s3cret" not in done.stdout
    server.kill()
    assert len(held.orders) == 2
    assert "s3cret" not in repr(held.orders)
    for work in (work for order in held.orders for work in order.works):
        given = compose(work.overrides).tracking.uri
        assert given == server.uri
        assert credentials.whole(given) == uri
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in written if b"s3cret" in path.read_bytes()] == ["tiny.yaml"]


def test_an_engine_that_is_not_here_is_refused(monkeypatch, tmp_path):
    with pytest.raises(ConfigError, match=r"--on=slrum is unknown.*did you mean --on=slurm"):
        chosen("slrum")
    monkeypatch.setattr(Slurm, "package", "no_such_package")
    with pytest.raises(ConfigError, match=r"install it with `pip install 'sparsity-harness\[slurm"):
        chosen("slurm")
    monkeypatch.setattr(Slurm, "package", "json")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="sbatch is not found"):
        chosen("slurm")
    assert {"ray", "slurm"} <= set(ENGINES.names())


def test_nothing_submitted_is_nothing_to_cancel(swept):
    done = harness("sweep", "tiny.yaml", "seed=9", "--cancel", cwd=swept.folder)
    assert done.returncode == 2
    assert "nothing of tiny was submitted" in done.stderr


@pytest.mark.parametrize(
    ("override", "accepted"),
    [
        ("engine.cpus=0", "engine.cpus: received 0; accepted: 1 or more, or null"),
        ("engine.memory=0", "engine.memory: received 0.0; accepted: GB, a number above 0"),
        ("engine.time=0", "engine.time: received 0; accepted: 1 or more, or null"),
    ],
)
def test_resources_that_no_job_can_have_are_refused(tmp_path, override, accepted):
    done = harness("sweep", "demo", override, "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert accepted in done.stderr


def test_slurm_s_words_are_those_of_all_engines(monkeypatch, tmp_path):
    said = "2|COMPLETED\n3|CANCELLED by 0\n4|OUT_OF_MEMORY\n5|PENDING\n"
    monkeypatch.setattr("harness.sweep.engines.slurm._asked", lambda *command: said)
    jobs = {"a": "2", "b": "3", "c": "4", "d": "5", "e": "6"}
    assert Slurm().states(jobs, tmp_path) == {
        "a": ENDED, "b": "cancelled", "c": FAILED, "d": WAITING
    }  # fmt: skip


#: Stands for SLURM's programs: takes as many jobs as `room` says, and starts none.
PROGRAMS = {
    "sbatch": 'echo x >> jobs; n=$(wc -l < jobs); if [ "$n" -gt "$(cat room)" ]; then\n'
    'echo "sbatch: error: Unable to contact slurm controller" >&2; exit 1; fi\n'
    "echo Submitted batch job $n",
    "squeue": 'for n in 1 2 3 4 5 6; do echo "$n|PENDING"; done',
    "sacct": "exit 1",
    "srun": "exit 1",
}


def test_what_slurm_took_before_it_refused_is_under_way(swept, tmp_path, monkeypatch):
    copy = copied(swept.folder, tmp_path / "copy")
    for name, lines in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\ncd {tmp_path}\n{lines}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    # In processes of its own: importing submitit closes streams that others' log handlers hold.
    asked = ("sweep", "tiny.yaml", "export=keras", "--on", "slurm")
    (tmp_path / "room").write_text("2")
    done = shell(*asked, cwd=copy)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "SLURM took 2 of 3 cells (sbatch: error: Unable to contact slurm controller)" in line
    (tmp_path / "room").write_text("9")
    done = shell(*asked, cwd=copy)
    assert done.returncode == 0, done.stderr
    assert "1 of 3 cells are submitted to slurm; 2 are under way" in done.stdout


def test_a_ray_task_that_has_begun_is_running(tmp_path, monkeypatch):
    seen = {}
    driver = ray._described(os.getpid())
    (tmp_path / "states.json").write_text(json.dumps({"a": WAITING, "b": WAITING}))

    def looked(*_):
        seen.update(ray.Ray().states({"a": driver, "b": driver}, tmp_path))

    monkeypatch.setattr("harness.sweep.detached.run_one", looked)
    ray._cell(str(tmp_path), str(tmp_path), "a", (), "", None, {})
    assert seen == {"a": RUNNING, "b": WAITING}
    assert ray.Ray().states({"a": "1@0"}, tmp_path) == {"a": FAILED}


def test_what_a_dead_driver_had_under_way_has_failed(tmp_path):
    (tmp_path / "states.json").write_text(json.dumps({"a": ENDED, "b": WAITING}))
    gone = {"a": "1@0", "b": "1@0"}
    assert ray.Ray().states(gone, tmp_path) == {"a": ENDED, "b": FAILED}
    assert ray.Ray().states({"a": "1@0"}, tmp_path / "no") == {}


def settled(*asked, cwd, seconds=400):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        told = json.loads(shell(*asked, "--status", "--json", cwd=cwd).stdout)
        if set(told["counts"]) <= {"finished", "failed", "cancelled"}:
            return told["counts"]
        time.sleep(3)
    raise AssertionError(told)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["slurm", "ray"])
def test_a_real_engine_runs_a_sweep(swept, tmp_path, engine):
    try:
        chosen(engine)
    except ConfigError as error:
        pytest.skip(str(error))
    shutil.copy(swept.folder / "tiny.yaml", tmp_path)
    done = shell("sweep", "tiny.yaml", "--on", engine, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert settled("sweep", "tiny.yaml", cwd=tmp_path) == {"finished": 3}
    table = tmp_path / "results" / "tiny" / "table.md"
    end = time.monotonic() + 120
    while not table.exists() and time.monotonic() < end:
        time.sleep(1)
    assert table.exists()
