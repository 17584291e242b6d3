"""`harness sweep NAME --rehearse`: every cell end to end, in minutes, before days are spent."""

import json
import tempfile
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
from harness.sweep.dry_run import size
from harness.sweep.execute import execute
from harness.sweep.launch import finished
from harness.sweep.plan import plan
from harness.sweep.progress import ProgressView
from harness.sweep.spec import Sweep
from harness.tracking import store

_console = Console(highlight=False)
#: Exit code by the gravest outcome.
_CODES = {"done": 0, "refused": 2, "failed": 1, "interrupted": 130}


def rehearse(
    sweep: Sweep, extra: Sequence[str] = (), *, jobs: int = 1, as_json: bool = False
) -> int:
    """Runs two steps of every unfinished cell in a throw-away store, and says what each takes.

    Cells that differ only in their seed are rehearsed once.

    Args:
        sweep: from `harness.sweep.spec.load`.
        extra: overrides for every cell.
        jobs: cells at once; memory and times are then those of cells that share the machine.
        as_json: JSON instead of a table.

    Returns:
        The exit code: 0 all went through, 1 one failed, 2 one was refused, 130 interrupted.

    Raises:
        HarnessError: input that is refused before anything is spent.
    """
    cells = plan(sweep.configs(extra))
    known = finished(cells)
    unfinished = [cell for cell in cells if cell.id not in known.cells]
    needed = {cell.needs for cell in unfinished}
    with tempfile.TemporaryDirectory(prefix="harness-", ignore_cleanup_errors=True) as folder:
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
        view = _Watched(list(short.values()), Console(stderr=as_json, highlight=False))
        with view:
            outcomes = execute(list(short.values()), {}, view, jobs=jobs, run=run_rehearsal)
    told = [_told(cell, outcomes[ids[cell.id]], view.memory.get(ids[cell.id])) for cell in chosen]
    if as_json:
        content = {"sweep": sweep.name, "memory_bytes": memory.total(), "cells": told}
        print(json.dumps(content, indent=1))  # noqa: T201
    else:
        _print(told)
    return max((_CODES[outcome.status] for outcome in outcomes.values()), key=_gravity)


def _gravity(code: int) -> int:
    return (0, 2, 1, 130).index(code)


class _Watched(ProgressView):
    """Keeps what a cell said of its memory before it was ended."""

    def __init__(self, cells: Sequence[Cell], console: Console):
        super().__init__(cells, console)
        self.memory: dict[str, Mapping[str, Any]] = {}

    def event(self, cell: Cell, event: Mapping[str, Any]) -> None:
        """Moves the bars, but for word of memory."""
        if event["kind"] == "memory":
            self.memory[cell.id] = event
        else:
            super().event(cell, event)


def _told(cell: Cell, outcome: Outcome, ended: Mapping[str, Any] | None) -> dict[str, Any]:
    value = outcome.value or {}
    message = outcome.message
    if ended is not None:
        message = (
            f"out of memory: it had {size(ended['bytes'])} of {size(ended['total'])} and asked for "
            f"more; accepted: a training.batch_size below {cell.config.training.batch_size}, or "
            "another machine"
        )
    return {
        "name": cell.name,
        "cell_id": cell.id,
        "status": outcome.status,
        "message": message,
        "step_seconds": value.get("step_seconds"),
        "host_bytes": ended["bytes"] if ended else value.get("host_bytes"),
        "device_bytes": value.get("device_bytes"),
    }


def _print(told: Sequence[Mapping[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    devices = any(each["device_bytes"] is not None for each in told)
    table.add_column("cell")
    table.add_column("rehearsed")
    for heading in ("a step", "memory", *(["of a GPU"] if devices else [])):
        table.add_column(heading, justify="right")
    for each in told:
        step = each["step_seconds"]
        columns = [
            "" if step is None else f"{step:.3g} s",
            "" if each["host_bytes"] is None else size(each["host_bytes"]),
        ]
        if devices:
            columns.append("" if each["device_bytes"] is None else size(each["device_bytes"]))
        said = "ends well" if each["status"] == "done" else each["status"]
        table.add_row(escape(each["name"]), said, *columns)
    _console.print(table)
    for each in told:
        if each["status"] != "done":
            line = f"{each['name']}: {each['message']}"
            _console.print(line, markup=False, soft_wrap=True)
    _console.print(
        "\nA step: the second one, with its refresh of the masks. Memory: the most that the cell's "
        "process had, the libraries' own included.",
        soft_wrap=True,
    )
