"""`harness sweep NAME --dry-run`: what a sweep would do, before anything is spent or written."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.config.folders import command
from harness.sweep.forecast import FINISHED, RESUMES, STATES, WAITS, Forecast, forecast
from harness.sweep.gpu_places import Devices
from harness.sweep.launch import finished
from harness.sweep.plan import plan
from harness.sweep.progress import clock
from harness.sweep.simulate import makespan
from harness.sweep.spec import Sweep
from harness.tracking.costs import read_costs

_console = Console(highlight=False)
#: Rows of a table that a person reads; `--json` has them all.
_ROWS = 60


def dry_run(
    sweep: Sweep,
    extra: Sequence[str] = (),
    *,
    jobs: int | None = 1,
    per_device: int = 1,
    as_json: bool = False,
) -> int:
    """Prints the cells of a sweep and what becomes of each; imports no TensorFlow.

    Args:
        sweep: from `harness.sweep.spec.load`.
        extra: overrides for every cell.
        jobs: as of `launch`, for the time to expect.
        per_device: as of `launch`.
        as_json: JSON instead of a table; seconds and bytes are null where nothing tells.

    Returns:
        The exit code, 0.

    Raises:
        HarnessError: what the sweep itself would refuse without building a model.
    """
    configs = sweep.configs(extra)
    at_once = Devices.found(per_device).at_once(configs, jobs)
    cells = plan(configs)
    known = finished(cells)
    found = forecast(cells, known, read_costs(cells[0].config.tracking.uri))
    if as_json:
        print(json.dumps(as_dict(sweep.name, found, at_once), indent=1))  # noqa: T201
    else:
        _print(found, at_once, command("sweep", sweep.file, *extra, "--rehearse"))
    return 0


def as_dict(name: str, found: Sequence[Forecast], jobs: int) -> dict[str, Any]:
    """A forecast as JSON types.

    Args:
        name: the sweep's.
        found: from `harness.sweep.forecast`.
        jobs: cells at once.
    """
    counts = Counter(each.state for each in found)
    return {
        "sweep": name,
        "cells": [_cell(each) for each in found],
        "counts": {state: counts[state] for state in STATES},
        "shared_baselines": sum(each.shared > 1 for each in found),
        "jobs": jobs,
        "work_seconds": _total([each.estimate.seconds for each in found]),
        "wall_seconds": _wall(found, jobs),
        "disk_bytes": _total([each.estimate.disk_bytes for each in found]),
    }


def _cell(each: Forecast) -> dict[str, Any]:
    return {
        "name": each.cell.name,
        "cell_id": each.cell.id,
        "trained_id": each.cell.trained,
        "state": each.state,
        "run_id": each.run_id,
        "resumes_at_step": each.step,
        "needs": each.cell.needs,
        "shared_by": each.shared,
        "seconds": each.estimate.seconds,
        "disk_bytes": each.estimate.disk_bytes,
        "command": each.cell.command,
    }


def _total(values: Sequence[float | None]) -> float | None:
    """A sum; None if a part of it is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _wall(found: Sequence[Forecast], jobs: int) -> float | None:
    """Seconds with so many cells at once; None if one of them is not known."""
    seconds = {each.cell.id: each.estimate.seconds for each in found}
    if None in seconds.values():
        return None
    to_do = [each.cell for each in found if each.state not in (FINISHED, WAITS)]
    return makespan(to_do, {key: value or 0.0 for key, value in seconds.items()}, jobs)


def _print(found: Sequence[Forecast], jobs: int, rehearse: str) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("cell", "what becomes of it", "time", "disk"):
        table.add_column(heading, justify="right" if heading in ("time", "disk") else "left")
    for each in found[:_ROWS]:
        table.add_row(escape(each.cell.name), _fate(each), *_costs(each))
    _console.print(table)
    if len(found) > _ROWS:
        _console.print(f"… and {len(found) - _ROWS:,} more; --json has them all")
    told = as_dict("", found, jobs)
    counts = ", ".join(f"{count:,} {state}" for state, count in told["counts"].items() if count)
    _console.print(f"\n{len(found):,} cells: {counts}.", soft_wrap=True)
    if told["shared_baselines"]:
        shared = sum(each.shared for each in found if each.shared > 1)
        noun = "baseline" if told["shared_baselines"] == 1 else "baselines"
        _console.print(f"{told['shared_baselines']:,} dense {noun} shared by {shared:,} cells.")
    if all(each.state in (FINISHED, WAITS) for each in found):
        return
    if told["wall_seconds"] is None:
        unknown = sum(each.estimate.seconds is None for each in found)
        _console.print(
            f"Time to expect: not known of {unknown:,} cells, whose model, data set and batch no "
            f"finished run has; a rehearsal measures them:\n  {rehearse}",
            soft_wrap=True,
        )
    else:
        wall, work = clock(told["wall_seconds"]), clock(told["work_seconds"])
        at_once = f" ({jobs} at once; {work} one after another)" if jobs > 1 else ""
        _console.print(f"Time to expect: {wall}{at_once}, from the medians of earlier runs.")
    if told["disk_bytes"] is not None:
        _console.print(f"Disk to expect: {size(told['disk_bytes'])} of models.")


def _fate(each: Forecast) -> str:
    if each.state == RESUMES:
        return f"resumes at step {each.step:,}"
    return f"{each.state}, shared by {each.shared}" if each.shared > 1 else each.state


def _costs(each: Forecast) -> tuple[str, str]:
    if each.state in (FINISHED, WAITS):
        return "", ""
    estimate = each.estimate
    return (
        "?" if estimate.seconds is None else clock(estimate.seconds),
        "?" if estimate.disk_bytes is None else size(estimate.disk_bytes),
    )


def size(count: float) -> str:
    """Bytes as people say them.

    Example:
        >>> size(12_100_000), size(2.5e9)
        ('12.1 MB', '2.5 GB')
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"
