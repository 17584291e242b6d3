"""A sweep rehearsed: every cell to its end, in two steps, and nothing of it is kept."""

import json

import pytest

from harness.cell.rehearsal import STEPS, shortened
from harness.config import compose
from harness.sweep.plan import plan
from tests.settings import TINY, harness


def test_every_cell_is_rehearsed_once_whatever_its_seeds(swept):
    before = (swept.folder / "mlflow.db").read_bytes()
    done = harness("sweep", "tiny.yaml", "seed=2,3", "--rehearse", "--json", cwd=swept.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert [cell["status"] for cell in found["cells"]] == ["done"] * 3
    assert [cell["name"].split(" · ")[1] for cell in found["cells"]] == [
        "dense", "random 75%", "2 by 4"
    ]  # fmt: skip
    for cell in found["cells"]:
        assert cell["step_seconds"] > 0
        assert 1e8 < cell["host_bytes"] < found["memory_bytes"]
        assert cell["device_bytes"] is None
    assert (swept.folder / "mlflow.db").read_bytes() == before
    assert not (swept.folder / "work" / "cells").exists() or not list(
        (swept.folder / "work" / "cells").glob("*/checkpoint.npz")
    )


def test_what_is_finished_is_not_rehearsed(swept):
    done = harness("sweep", "tiny.yaml", "--rehearse", cwd=swept.folder)
    assert done.returncode == 0
    assert done.stdout == "Nothing to rehearse: 3 cells are finished.\n"


@pytest.mark.parametrize(
    "line",
    [
        "sparsity.schedule.unit=step sparsity.schedule.begin=100 sparsity.schedule.end=4000",
        "sparsity.schedule=piecewise sparsity.schedule.unit=step sparsity.schedule.begin=0 "
        "sparsity.schedule.times=[400]",
        "sparsity.schedule=one_shot sparsity.schedule.unit=step sparsity.schedule.begin=300",
    ],
)
def test_a_schedule_in_steps_is_laid_over_the_rehearsal(tmp_path, line):
    overrides = (*TINY, "sparsity=random", *line.split(), "seed=5")
    ids = {}
    cells = plan([(compose(overrides), overrides)])
    dense, sparse = (shortened(cell, tmp_path, ids) for cell in cells)
    assert (sparse.needs, sparse.dense) == (dense.id, dense.id)
    schedule = sparse.config.sparsity.schedule.schedule(0.75, STEPS)
    assert schedule.last_update(STEPS) is not None
    assert float(schedule.sparsity(schedule.last_update(STEPS))) == pytest.approx(0.75)
    sparse.config.sparsity.check("dense")
