"""`harness sweep NAME --rehearse`: every cell end to end, in minutes, before days are spent."""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.cell import memory
from harness.cell.cell import Cell
from harness.cell.job import Outcome
from harness.cell.rehearsal import run_rehearsal, shortened
from harness.config import Config, is_dense, phase_of
from harness.sweep import scratch
from harness.sweep.dry_run import size
from harness.sweep.execute import execute
from harness.sweep.foreseen import Foreseen, foresee
from harness.sweep.gpu_places import Devices
from harness.sweep.interrupts import interruptible
from harness.sweep.launch import finished
from harness.sweep.plan import plan, training
from harness.sweep.progress import ProgressView, clock
from harness.sweep.spec import Sweep
from harness.tracking import store

_console = Console(highlight=False)
#: What is told of the memory of every cell.
_BYTES = ("foreseen_bytes", "host_bytes")
#: Exit code by the gravest outcome.
_CODES = {"done": 0, "refused": 2, "failed": 1, "interrupted": 130}


@interruptible()
def rehearse(
    sweep: Sweep,
    extra: Sequence[str] = (),
    *,
    jobs: int | None = 1,
    per_device: int = 1,
    as_json: bool = False,
) -> int:
    """Runs two steps of every unfinished cell in a throw-away store, and says what each takes.

    Cells that differ only in their seed are rehearsed once.

    Args:
        sweep: from `harness.sweep.spec.load`.
        extra: overrides for every cell.
        jobs: as of `launch`; memory and times are those of cells that share the machine.
        per_device: as of `launch`.
        as_json: JSON instead of a table.

    Returns:
        The exit code: 0 all went through, 1 one failed, 2 one was refused, 130 interrupted.

    Raises:
        HarnessError: input that is refused before anything is spent.
    """
    configs, devices = sweep.configs(extra), Devices.found(per_device)
    at_once = devices.at_once(configs, jobs)
    cells = plan(configs)
    known = finished(cells)
    unfinished = [cell for cell in cells if cell.id not in known.cells]
    needed = {cell.needs for cell in unfinished}
    with tempfile.TemporaryDirectory(dir=scratch.folder(), ignore_cleanup_errors=True) as folder:
        ids: dict[str, str] = {}
        short: dict[str, Cell] = {}
        chosen: list[Cell] = []
        for cell in cells:
            if cell in unfinished or cell.id in needed:
                made = shortened(cell, Path(folder), ids)
                if made.id not in short:
                    chosen.append(cell)
                short.setdefault(made.id, made)
        if not short:
            _console.print(f"Nothing to rehearse: {len(cells)} cells are finished.")
            return 0
        tracking = next(iter(short.values())).config.tracking
        store.open_experiment(tracking.uri, tracking.experiment)
        shown = Console(stderr=as_json, highlight=False)
        with shown.status("foreseeing the memory of the cells"):
            foreseen = _foreseen(list(short.values()))
        with ProgressView(list(short.values()), shown) as view:
            outcomes = execute(
                list(short.values()),
                {},
                view,
                jobs=at_once,
                devices=devices,
                run=run_rehearsal,
                foreseen=foreseen,
            )
    stand_for = Counter(ids[cell.id] for cell in training(cells, known))
    told = [
        _told(cell, outcomes[each], foreseen.get(each), stand_for[each])
        for cell in chosen
        for each in [ids[cell.id]]
    ]
    if as_json:
        content = {"sweep": sweep.name, "memory_bytes": memory.total(), "cells": told}
        print(json.dumps(content, indent=1))  # noqa: T201
    else:
        _print(told)
    return max((_CODES[outcome.status] for outcome in outcomes.values()), key=_gravity)


def _foreseen(cells: Sequence[Cell]) -> dict[str, Foreseen]:
    """What cells need of this machine's memory; how much GPUs have, only their process knows."""
    gpus = len(Devices.found(1).gpus)
    return foresee(cells, None if gpus else (1 - memory.RESERVE) * memory.total(), gpus)


def _gravity(code: int) -> int:
    return (0, 2, 1, 130).index(code)


def _told(cell: Cell, outcome: Outcome, foreseen: Foreseen | None, trains: int) -> dict[str, Any]:
    """What a rehearsal tells, of as many cells that are to train as it stands for."""
    value = outcome.value or {}
    return {
        "name": cell.name,
        "cell_id": cell.id,
        "status": outcome.status,
        "message": outcome.message,
        "step_seconds": value.get("step_seconds"),
        "foreseen_bytes": None if foreseen is None else foreseen.bytes,
        **_whole(cell.config, value, trains),
        "host_bytes": value.get("host_bytes"),
        "device_bytes": value.get("device_bytes"),
    }


def _whole(config: Config, value: Mapping[str, Any], trains: int) -> dict[str, Any]:
    """The steps of the cell that was rehearsed, and what all those of its kind take at its pace."""
    steps, epoch = None, value.get("epoch_steps")
    if is_dense(config) and config.training.dense_weights is not None:
        steps = 0
    elif epoch is not None:
        steps = phase_of(config).total_steps(epoch)
    pace = value.get("step_seconds")
    seconds = None if steps is None or pace is None else trains * steps * pace
    return {"steps": steps, "cells": trains, "all_steps_seconds": seconds}


def _pace(each: Mapping[str, Any]) -> str:
    """The time of all steps, and of how many cells: `12 min 34 s (3 cells)`; empty if unknown."""
    if each["all_steps_seconds"] is None or not each["cells"]:
        return ""
    cells = f" ({each['cells']} cells)" if each["cells"] > 1 else ""
    return f"{clock(each['all_steps_seconds'])}{cells}"


def _print(told: Sequence[Mapping[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    devices = any(each["device_bytes"] is not None for each in told)
    table.add_column("cell")
    table.add_column("rehearsed")
    for heading in (
        "a step",
        "all its steps",
        "foreseen",
        "memory",
        *(["of a GPU"] if devices else []),
    ):
        table.add_column(heading, justify="right")
    for each in told:
        step = each["step_seconds"]
        columns = [
            "" if step is None else f"{step:.3g} s",
            _pace(each),
            *("" if each[key] is None else size(each[key]) for key in _BYTES),
        ]
        if devices:
            columns.append("" if each["device_bytes"] is None else size(each["device_bytes"]))
        said = "ends well" if each["status"] == "done" else each["status"]
        table.add_row(escape(each["name"]), said, *columns)
    _console.print(table)
    all_steps = [each["all_steps_seconds"] for each in told if each["cells"]]
    if all_steps and None not in all_steps:
        cells = sum(each["cells"] for each in told)
        noun = "1 cell" if cells == 1 else f"{cells} cells"
        _console.print(f"\nThe steps of {noun}, one at a time: {clock(sum(all_steps))}.")
    for each in told:
        if each["status"] != "done":
            line = f"{each['name']}: {each['message']}"
            _console.print(line, markup=False, soft_wrap=True)
    _console.print(
        "\nA step: the second one, with its refresh of the masks; all its steps: at that pace, of "
        "as many cells as differ in their seed alone. Foreseen: what a step holds at once at most, "
        "by its graph. Memory: the most that the cell's process had, the libraries' own included.",
        soft_wrap=True,
    )
