"""How far a sweep is: done, running with its step, failed and why, waiting."""

import subprocess
import sys

import pytest
from mlflow.entities import Metric

from harness.report import TableSpec, rows_from_cells
from harness.report.render.html import to_status
from harness.report.status import DONE, FAILED, RUNNING, WAITING, read_status
from harness.sweep.watching import watch
from harness.tracking import process
from tests.report.conftest import cells
from tests.report.store import Store

SPARSITIES = [("dense", None), ("random", 0.5)]


@pytest.fixture
def store(tmp_path):
    return Store(f"sqlite:///{tmp_path}/mlflow.db", "mine")


@pytest.fixture
def spec():
    return TableSpec("mine", "Mine", "small", rows_from_cells(cells(SPARSITIES, (1, 2))))


def steps(store, run_id, last):
    losses = [Metric("train/loss", 2.5 / (1 + step), 0, step) for step in range(0, last + 1, 10)]
    store.client.log_batch(run_id, metrics=losses)


def test_every_planned_cell_is_told(store, spec):
    steps(store, store.cell("dense", None, 1, 0.98), 100)
    steps(store, store.cell("dense", None, 2, None, status=None), 40)
    store.cell("random", 0.5, 1, None, status="FAILED", tags={"harness.failure": "no room"})
    found = read_status(spec, store.uri)
    assert [(cell.sparsity, cell.seed, cell.state) for cell in found] == [
        ("dense", "1", DONE),
        ("dense", "2", RUNNING),
        ("random 50%", "1", FAILED),
        ("random 50%", "2", WAITING),
    ]
    assert [cell.said for cell in found] == [
        "98.00%",
        "step 40 of 100, training loss 0.06098",
        "no room",
        "",
    ]


def test_what_is_done_stays_done_whatever_came_after(store, spec):
    store.cell("dense", None, 1, 0.98)
    store.cell("dense", None, 1, None, status="FAILED")
    assert read_status(spec, store.uri)[0].state == DONE
    # and a failed cell that was taken up again runs
    store.cell("random", 0.5, 1, None, status="FAILED")
    store.cell("random", 0.5, 1, None, status=None)
    assert read_status(spec, store.uri)[2].state == RUNNING


def test_the_page_reads_itself_again_and_escapes_what_failed(store, spec):
    store.cell("random", 0.5, 1, None, status="FAILED", tags={"harness.failure": "<b>no</b>"})
    page = to_status(spec, read_status(spec, store.uri), "now", 7)
    assert '<meta http-equiv="refresh" content="7">' in page
    assert "<b>no</b>" not in page
    assert "1 failed" in page
    assert "3 waiting" in page


def test_watching_ends_when_nothing_runs_or_waits(store, spec, tmp_path, monkeypatch):
    store.cell("dense", None, 1, 0.98)
    looks = []

    def rest(seconds):
        """Each time the watcher rests, another cell is done."""
        looks.append((tmp_path / "out" / "status.html").read_text())
        store.cell(*[("dense", None, 2), ("random", 0.5, 1), ("random", 0.5, 2)][len(looks) - 1])

    monkeypatch.setattr("harness.sweep.watching.time.sleep", rest)
    found = watch(spec, store.uri, tmp_path / "out", seconds=3)
    assert {cell.state for cell in found} == {DONE}
    assert len(looks) == 3
    assert "1 done" in looks[0]
    assert "3 waiting" in looks[0]
    assert "4 done" in (tmp_path / "out" / "status.html").read_text()


def dead():
    """What a process that has ended told of itself."""
    code = "from harness.tracking import process; print(process.identity())"
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip()


def sweep_run(store, variant="", told="", status="FAILED"):
    run_id = store.client.create_run(store.id).info.run_id
    tags = {"kind": "sweep", "sweep": "mine", "variant": variant, "process": told}
    for name, value in tags.items():
        store.client.set_tag(run_id, f"harness.{name}", value)
    if status is not None:
        store.client.set_terminated(run_id, status)
    return run_id


def test_a_cell_whose_process_is_gone_runs_no_more(store, spec):
    store.cell("dense", None, 1, None, status=None, tags={process.TAG: dead()})
    store.cell("dense", None, 2, None, status=None, tags={process.TAG: process.identity()})
    killed, living, *_ = read_status(spec, store.uri)
    assert (killed.state, killed.said) == (FAILED, "its process is gone")
    assert living.state == RUNNING


class Rested(Exception):  # noqa: N818
    """The watcher goes on."""


@pytest.fixture
def watched(store, spec, tmp_path, monkeypatch):
    """What watching comes to at its first look."""

    def rest(seconds):
        raise Rested

    monkeypatch.setattr("harness.sweep.watching.time.sleep", rest)
    return lambda: [cell.state for cell in watch(spec, store.uri, tmp_path / "out")]


def test_watching_ends_with_a_sweep_that_ended_badly(store, watched):
    """Its dense baseline failed, so that the others never get a run."""
    store.cell("dense", None, 1, None, status="FAILED")
    with pytest.raises(Rested):  # it has not begun yet
        watched()
    sweep_run(store, variant="model.units=16")
    with pytest.raises(Rested):  # another one of its variants has ended
        watched()
    own = sweep_run(store, told=process.identity(), status=None)
    with pytest.raises(Rested):
        watched()
    store.client.set_terminated(own, "FAILED")
    assert watched() == [FAILED, WAITING, WAITING, WAITING]
    store.cell("random", 0.5, 1, None, status=None, tags={process.TAG: process.identity()})
    with pytest.raises(Rested):  # by another command
        watched()


def test_watching_ends_with_a_sweep_that_was_killed(store, watched):
    told = dead()
    store.cell("dense", None, 1, None, status=None, tags={process.TAG: told})
    sweep_run(store, told=told, status=None)
    assert watched() == [FAILED, WAITING, WAITING, WAITING]
