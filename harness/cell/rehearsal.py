"""A cell in a few steps on a handful of examples: all its stages, none of its hours."""

import dataclasses
import time
from pathlib import Path
from typing import Any

from harness.cell import memory
from harness.cell.cell import Cell
from harness.cell.job import Emit
from harness.cell.stages import run_cell
from harness.config import Config, cell_id, trained_id

#: Optimizer steps of each phase: the first one traces the graph, the second is timed. More where
#: each of many cuts has a step.
STEPS = 2
#: Of all rehearsals: cells that differ in their seed alone share one.
SEED = 1


def shortened(cell: Cell, folder: Path, ids: dict[str, str]) -> Cell:
    """The rehearsal of a cell: its model, data, pruner, batch and exports, and few steps.

    Args:
        cell: as planned.
        folder: of the throw-away store.
        ids: cell id -> id of its rehearsal, of the cells it needs; takes up this one's.
    """
    config = _shortened(cell.config, folder)
    made = dataclasses.replace(
        cell,
        config=config,
        id=cell_id(config, cell.fingerprint),
        trained=trained_id(config, cell.fingerprint),
        dense=cell.dense and ids.get(cell.dense),
        needs=cell.needs and ids.get(cell.needs),
        rehearsal=True,
    )
    ids[cell.id] = made.id
    return made


def _shortened(config: Config, folder: Path) -> Config:
    sparsity, steps = config.sparsity, STEPS
    if sparsity.pruned:
        schedule = sparsity.schedule.rehearsed(STEPS)
        sparsity = dataclasses.replace(sparsity, schedule=schedule)
        steps = max(STEPS, schedule.schedule(sparsity.final, STEPS).end_step or 0)
    training = dataclasses.replace(
        config.training,
        dense=dataclasses.replace(config.training.dense, epochs=None, steps=steps),
        finetune=dataclasses.replace(config.training.finetune, epochs=None, steps=steps),
        log_every=1,
        steps_per_execution=None,  # or nobody hears of the first step before the second is done
    )
    tracking = dataclasses.replace(
        config.tracking, uri=f"sqlite:///{folder}/mlflow.db", experiment="rehearsal"
    )
    return dataclasses.replace(
        config,
        training=training,
        tracking=tracking,
        sparsity=sparsity,
        work_dir=str(folder),
        seed=SEED,
    )


def run_rehearsal(cell: Cell, parent_run: str | None, emit: Emit) -> dict[str, Any]:
    """`run_cell` of a rehearsal; its value also says what it took.

    Returns:
        `step_seconds` of the second step (None if training was too short to tell),
        `epoch_steps`, how many make an epoch of all examples,
        `host_bytes`, the most memory that its process had, and `device_bytes`, the most of the
        fullest GPU (None without one).
    """
    seen: dict[int, float] = {}
    epoch: dict[str, int] = {}

    def timed(event: dict[str, Any]) -> None:
        if event["kind"] == "epoch":
            epoch["epoch_steps"] = event["steps"]
            return
        if event["kind"] == "progress":
            seen.setdefault(event["step"], time.perf_counter())
        emit(event)

    value = run_cell(cell, parent_run, timed)
    times = sorted(seen.values())
    step = times[1] - times[0] if len(times) > 1 else None
    return {
        **value,
        **epoch,
        "step_seconds": step,
        "host_bytes": memory.peak(),
        "device_bytes": _device_peak(),
    }


def _device_peak() -> int | None:
    import tensorflow as tf

    names = [f"GPU:{i}" for i, _ in enumerate(tf.config.list_logical_devices("GPU"))]
    peaks = [int(tf.config.experimental.get_memory_info(name)["peak"]) for name in names]
    return max(peaks, default=None)
