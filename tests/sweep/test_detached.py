"""Cells as jobs of an engine: what is submitted, what is left alone, and the table at the end."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import pytest

from harness.config import compose, credentials
from harness.config.schema import TrackingOptions
from harness.errors import ConfigError
from harness.options import choice
from harness.sweep import detached
from harness.sweep.engines.base import ENGINES, FAILED, WAITING, Engine, chosen
from harness.sweep.engines.ray import Ray
from harness.sweep.engines.slurm import Slurm
from harness.sweep.execute import done
from harness.sweep.plan import plan
from harness.tracking.cell_run import CellRun
from harness.tracking.left import close_dead
from tests.conftest import SWEEP
from tests.runs import copied, runs
from tests.servers import Server
from tests.settings import TINY, environment, harness

#: A process that submits and ends, as a command does.
SUBMIT = """
import sys
from harness.cli.commands import main
from tests.sweep import test_detached
sys.exit(main(["sweep", *sys.argv[1:], "--on", "held"]))
"""


@choice
@dataclass
class Held(Engine):
    """Takes jobs and runs none until it is told to."""

    package: ClassVar[str] = "json"
    name: str = "held"

    orders: ClassVar[list] = []
    state: ClassVar[str] = WAITING
    has_room: ClassVar[bool] = True
    ended: ClassVar[dict] = {}
    cancelled: ClassVar[list] = []

    def submit(self, order, note):
        Held.orders.append(order)
        jobs = {work.cell: f"job{len(Held.orders)}" for work in order.works}
        note({**order.running, **jobs})
        if not Held.has_room:
            raise ConfigError("--on held: no room for the table's job")
        note({**order.running, **jobs, "table": "table"})

    def states(self, jobs, folder):
        return {job: Held.ended.get(job, Held.state) for job in jobs}

    def cancel(self, jobs, folder):
        Held.cancelled += jobs
        if set(jobs) != {"table"}:
            Held.state = "cancelled"


@pytest.fixture
def held():
    Held.orders, Held.state, Held.has_room = [], WAITING, True
    Held.ended, Held.cancelled = {}, []
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
    assert [run.status for run in runs(uri, "sweep") if run.id == order.parent_run] == ["KILLED"]
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


def test_a_job_s_cell_trains_on_if_its_store_goes_away_as_it_starts(
    store_uri, tmp_path, monkeypatch
):
    """As the same cell does of a sweep that is run here: nobody has its weights."""
    monkeypatch.chdir(tmp_path)
    overrides = (*TINY, f"tracking.uri={store_uri}", "sparsity=random", "work_dir=work")
    dense, sparse = plan([(compose(overrides), overrides)])
    given = []

    def execute(cells, finished, *listener, **options):
        given.append([(cell.id, cell.trains) for cell in cells])
        return {sparse.id: done("run")}

    monkeypatch.setattr(detached, "execute", execute)
    detached.run_one(str(tmp_path), sparse.id, sparse.overrides, "parent")
    run = CellRun.begin(dense.config, dense.id, {"harness.trained_id": dense.trained})
    run.finish("")
    detached.run_one(str(tmp_path), sparse.id, sparse.overrides, "parent")
    first, then = given
    assert first == [(dense.id, True), (sparse.id, True)]
    assert then == [(dense.id, False), (sparse.id, True)]


def test_each_store_has_jobs_of_its_own(store_uri, held, tmp_path, monkeypatch):
    """Cells of two stores have the same ids, and their sweep the same words but for the store."""
    monkeypatch.setattr(detached, "prepare", lambda *given: None)  # nothing is trained
    shutil.copy(tmp_path / "mlflow.db", tmp_path / "other.db")
    (tmp_path / "tiny.yaml").write_text(SWEEP)
    asked = ("sweep", "tiny.yaml")
    other = f"tracking.uri=sqlite:///{tmp_path / 'other.db'}"
    assert harness(*asked, "--on", "held", cwd=tmp_path).returncode == 0
    done = harness(*asked, other, "--cancel", cwd=tmp_path)
    assert done.returncode == 2
    assert "nothing of tiny was submitted" in done.stderr
    assert held.cancelled == []
    done = harness(*asked, other, "--on", "held", cwd=tmp_path)
    assert done.stdout.startswith("3 of 3 cells are submitted to held; 0 are under way")
    mine, theirs = held.orders
    assert mine.folder != theirs.folder
    assert [run.id for run in runs(store_uri, "sweep")] == [mine.parent_run]


def test_a_sweep_s_run_stays_open_for_its_jobs(swept, held, tmp_path):
    """Although the command that began it has ended; another one in its experiment looks."""
    copy = copied(swept.folder, tmp_path / "copy")
    uri = f"sqlite:///{copy / 'mlflow.db'}"
    words = [sys.executable, "-c", SUBMIT, "tiny.yaml", "export=keras"]
    subprocess.run(words, cwd=copy, env=environment(), check=True)
    (parent,) = [run for run in runs(uri, "sweep") if run.status == "RUNNING"]
    assert parent.tags["harness.pid"] != str(os.getpid())
    tracking = TrackingOptions(uri=uri, experiment="tiny")
    assert close_dead(tracking, str(copy / "work")) == 0
    assert [run.status for run in runs(uri, "sweep") if run.id == parent.id] == ["RUNNING"]


def test_a_table_whose_job_was_not_taken_is_submitted_by_the_same_command(swept, held, tmp_path):
    copy = copied(swept.folder, tmp_path / "copy")
    asked = ("sweep", "tiny.yaml", "export=keras", "--on", "held")
    held.has_room = False
    assert harness(*asked, cwd=copy).returncode == 2
    held.has_room = True
    done = harness(*asked, cwd=copy)
    assert done.stdout.startswith("The job of the table is submitted to held; 3 are under way")
    first, second = held.orders
    assert not second.works
    assert second.running == {work.cell: "job1" for work in first.works}
    assert "Nothing to submit: 3 cells are under way." in harness(*asked, cwd=copy).stdout
    assert len(held.orders) == 2


def test_an_engine_that_takes_no_more_is_asked_once_its_cells_have_ended(
    swept, held, tmp_path, monkeypatch
):
    """What it has under way is left alone, its table's job, too."""
    copy = copied(swept.folder, tmp_path / "copy")
    asked = ("sweep", "tiny.yaml", "export=keras", "--on", "held")
    assert harness(*asked, cwd=copy).returncode == 0
    (order,) = held.orders
    held.ended = {order.works[-1].cell: FAILED}
    monkeypatch.setattr(Held, "grows", False)
    done = harness(*asked, cwd=copy)
    assert done.returncode == 2
    assert "2 cells are under way, and held takes no more" in done.stderr
    assert "--cancel" in done.stderr
    assert held.cancelled == []
    monkeypatch.setattr(Held, "grows", True)
    assert harness(*asked, cwd=copy).returncode == 0
    assert held.cancelled == ["table"]
    assert [work.cell for work in held.orders[-1].works] == list(held.ended)
    assert not Ray.grows


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
