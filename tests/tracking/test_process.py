"""A process that has a run open is told from those that have ended, never by age."""

import os
import subprocess
import sys

from harness.config import compose
from harness.tracking import cell_run, process
from harness.tracking.cell_run import CellRun
from tests.runs import runs
from tests.settings import python

HERE = "from harness.tracking import process; print(process.identity())"


def test_a_living_process_is_not_dead():
    assert not process.is_dead(process.identity())
    with subprocess.Popen([sys.executable, "-c", HERE + "; input()"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as other:  # fmt: skip
        assert not process.is_dead(other.stdout.readline())
        other.communicate("\n")


def test_an_ended_process_is_dead():
    assert process.is_dead(python(HERE))


def test_a_number_that_is_used_again_is_another_process():
    host, boot, space, number, _ = process.identity().split()
    assert process.is_dead(f"{host} {boot} {space} {number} 1")


def test_after_a_reboot_all_are_dead():
    host, _, space, number, start = process.identity().split()
    assert process.is_dead(f"{host} another-boot {space} {number} {start}")


def test_of_other_machines_and_containers_nothing_is_known():
    host, boot, space, number, _ = process.identity().split()
    assert not process.is_dead(f"other {boot} {space} {number} 1")
    assert not process.is_dead(f"{host} {boot} pid:[1] {number} 1")
    for text in ("", "nonsense", f"{host} {boot} {space} x 1", f"{host} ? ? {number} ?"):
        assert not process.is_dead(text)


def test_runs_of_dead_processes_are_closed_and_no_others(store_uri):
    config = compose([f"tracking.uri={store_uri}"])
    mine = CellRun.begin(config, "a" * 64, {})
    theirs = CellRun.begin(config, "b" * 64, {process.TAG: python(HERE).strip()})
    elsewhere = CellRun.begin(config, "d" * 64, {process.TAG: "other boot pid:[1] 7 1"})
    assert cell_run.close_dead(config.tracking) == 1
    found = {run.id: run for run in runs(store_uri)}
    assert found[theirs.run_id].status == "KILLED"
    assert "is gone" in found[theirs.run_id].tags["harness.failure"]
    assert {found[run.run_id].status for run in (mine, elsewhere)} == {"RUNNING"}
    assert found[mine.run_id].tags["harness.pid"] == str(os.getpid())
