"""A sweep rehearsed: every cell to its end, in two steps, and nothing of it is kept."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from harness.cell import memory
from harness.cell.rehearsal import STEPS, shortened
from harness.config import compose
from harness.sweep.plan import plan
from tests.settings import TINY, command, environment, harness


def test_every_cell_is_rehearsed_once_whatever_its_seeds(swept):
    before = (swept.folder / "mlflow.db").read_bytes()
    # as full-scale sweeps have it, of which a callback hears once in so many steps
    given = ("seed=2,3", "training.steps_per_execution=20")
    done = harness("sweep", "tiny.yaml", *given, "--rehearse", "--json", cwd=swept.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert [cell["status"] for cell in found["cells"]] == ["done"] * 3
    assert [cell["name"].split(" · ")[1] for cell in found["cells"]] == [
        "dense", "random 75%", "2 by 4"
    ]  # fmt: skip
    for cell in found["cells"]:
        assert cell["step_seconds"] > 0
        assert (cell["steps"], cell["cells"]) == (40, 2)
        assert cell["all_steps_seconds"] == pytest.approx(80 * cell["step_seconds"])
        assert 1e8 < cell["host_bytes"] < found["memory_bytes"]
        assert 1e6 < cell["foreseen_bytes"] < cell["host_bytes"]
        assert cell["device_bytes"] is None
    assert (swept.folder / "mlflow.db").read_bytes() == before
    assert not (swept.folder / "work" / "cells").exists() or not list(
        (swept.folder / "work" / "cells").glob("*/checkpoint.npz")
    )


def test_what_is_finished_is_not_rehearsed(swept):
    done = harness("sweep", "tiny.yaml", "--rehearse", cwd=swept.folder)
    assert done.returncode == 0
    assert done.stdout == "Nothing to rehearse: 3 cells are finished.\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_rehearsal_that_is_ended_leaves_nothing(swept, tmp_path, number):
    """What a kill leaves lies where the next command looks for what is left."""
    running = subprocess.Popen(
        command("sweep", "tiny.yaml", "seed=5", "--rehearse"),
        cwd=swept.folder,
        env=environment() | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + 120
    while not list(tmp_path.glob("*/*/mlflow.db")):
        assert running.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    running.send_signal(number)
    assert running.wait(60) == (128 + number if number == signal.SIGTERM else -number)
    if number == signal.SIGKILL:
        code = "from harness.sweep.scratch import folder; folder()"
        end = time.monotonic() + 60
        while os.listdir(tmp_path) and time.monotonic() < end:  # its cells end a little later
            again = environment() | {"TMPDIR": str(tmp_path)}
            subprocess.run([sys.executable, "-c", code], env=again, check=True)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [
        "sparsity.schedule.unit=step sparsity.schedule.begin=100 sparsity.schedule.end=4000",
        "sparsity.schedule=piecewise sparsity.schedule.unit=step sparsity.schedule.begin=0 "
        "sparsity.schedule.times=[400]",
        "sparsity.schedule=one_shot sparsity.schedule.unit=step sparsity.schedule.begin=300",
        "sparsity=random_movement",
        "sparsity.schedule.begin=0.05 sparsity/score=taylor",
        "sparsity.schedule=one_shot sparsity.schedule.begin=0.05 sparsity/score=taylor",
        "sparsity.schedule=piecewise",
        "sparsity.schedule=piecewise sparsity.schedule.begin=0.1 sparsity.schedule.times=[0.2,0.3] "
        "sparsity.schedule.shares=[0.3,0.6,1] training.finetune.decay.kind=rewind",
        "sparsity=random_rigl sparsity.schedule.end=0.2",
    ],
)
def test_a_schedule_is_laid_over_the_rehearsal(tmp_path, line):
    preset = () if line.startswith("sparsity=") else ("sparsity=random",)
    overrides = (*TINY, *preset, *line.split(), "sparsity.target=0.75", "seed=5")
    ids = {}
    cells = plan([(compose(overrides), overrides)])
    dense, sparse = (shortened(cell, tmp_path, ids) for cell in cells)
    assert (sparse.needs, sparse.dense) == (dense.id, dense.id)
    steps = sparse.config.training.finetune.steps
    assert steps == (3 if "rewind" in line else STEPS)
    schedule = sparse.config.sparsity.pruner(steps).schedule
    assert schedule.last_update(steps) is not None
    assert float(schedule.sparsity(schedule.last_update(steps))) == pytest.approx(0.75)
    sparse.config.sparsity.check("dense")
    sparse.config.training.check()


WIDE = """\
title: MobileNetV2's own batch
scale: full
seeds: [1]
blocks:
  - overrides:
      - model=mobilenet_v2
      - dataset=image_folder
      - dataset.data_dir=photographs
      - dataset.size=224
      - training=mobilenet_v2
    cells: ["sparsity=dense"]
"""


@pytest.mark.slow
@pytest.mark.skipif(memory.total() > 40e9, reason="what no such machine holds, this one might")
def test_a_batch_that_the_machine_cannot_hold_is_told_with_what_fits(tmp_path):
    """The full-scale recipe takes 1,024 photographs at once, in float32."""
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        folder = tmp_path / "photographs" / name
        folder.mkdir(parents=True)
        for number in range(700):
            picture = random.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(picture).save(folder / f"{number}.jpg")
    (tmp_path / "wide.yaml").write_text(WIDE)
    done = harness("sweep", "wide.yaml", "--rehearse", "--json", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    (cell,) = json.loads(done.stdout)["cells"]
    assert cell["status"] == "failed"
    assert 45e9 < cell["foreseen_bytes"] < 70e9
    assert re.search(
        r"out of memory.*accepted: training\.gradient_accumulation=\d+ \(a step holds [\d.]+ GB\)",
        cell["message"],
    ), cell["message"]
    assert not (tmp_path / "mlflow.db").exists()
