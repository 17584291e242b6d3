"""`harness sweep NAME --on ENGINE`, `--status`, `--cancel`: cells as jobs of a cluster.

What was submitted is kept in one file under `work_dir`, so that another command finds it; what is
finished, the store alone says. The functions that the jobs call are here, too: an engine gives
them plain values, and the cell is planned anew where it runs.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.cell.cell import Cell
from harness.config import compose, credentials
from harness.config.folders import command
from harness.errors import ConfigError, HarnessError
from harness.report.render import to_markdown
from harness.sweep.engines.base import (
    CANCELLED,
    ENDED,
    ENGINES,
    FAILED,
    LIVE,
    Order,
    Work,
    chosen,
    write_json,
)
from harness.sweep.execute import execute
from harness.sweep.forecast import FINISHED, WAITS, waiting
from harness.sweep.gpu_places import Devices
from harness.sweep.interrupts import interruptible
from harness.sweep.launch import finished, launch_sweep, prepare, specified
from harness.sweep.plan import decided, plan
from harness.sweep.progress import ProgressView
from harness.sweep.publish import write_report
from harness.sweep.spec import Sweep, load
from harness.sweep.table import table_spec
from harness.sweep.variant import folder_name, variant
from harness.sweep.waiting import deliver_first
from harness.tracking import beside, cell_run, left, store
from harness.tracking.sweep_run import SweepRun

_console = Console(highlight=False)
_TABLE = "table"


def submit(sweep: Sweep, extra: Sequence[str], *, on: str, out: Path | None = None) -> int:
    """Gives a sweep's unfinished cells to an engine, and returns.

    Cells whose jobs an earlier command has submitted and that are still under way are left alone.

    Args:
        sweep: from `harness.sweep.spec.load`.
        extra: overrides for every cell.
        on: the engine's name.
        out: the folder of the table's files.

    Returns:
        The exit code: 0 submitted; with nothing left to run, that of the table.

    Raises:
        HarnessError: an engine that is not here, or input that the sweep would refuse.
    """
    engine = chosen(on)
    extra = credentials.taken_from(extra)  # engines write it down
    configs = sweep.configs(extra)
    spec = specified(sweep, configs, extra)
    cells = plan(configs)
    deliver_first(_console, cells)  # no job for what is only to be delivered
    known = finished(cells)
    unfinished = [cell for cell in cells if cell.id not in known.cells]
    if not unfinished:
        return launch_sweep(sweep, extra, out=out)
    if any(cell.config.strategy.name == "multi_worker" for cell in unfinished):
        raise ConfigError(
            f"--on {on}: received strategy=multi_worker, whose workers are started by hand; "
            "accepted: single, mirrored"
        )
    file = _file(sweep, extra, cells)
    jobs = _jobs(file)
    earlier = _read(file).get("engine", on)
    if earlier != on and _live(chosen(earlier), jobs, file):
        raise ConfigError(
            f"--on {on}: its cells are under way on {earlier}; end them first:\n"
            f"{_again(sweep, extra, '--cancel')}"
        )
    states = engine.states(jobs, file.with_suffix(""))
    live = _cells_in(states)
    to_submit = [cell for cell in unfinished if cell.id not in live]
    if not to_submit and states.get(_TABLE) in LIVE:
        _console.print(f"Nothing to submit: {len(live)} cells are under way.")
        return 0
    if live and not engine.grows:
        noun = "cell is" if len(live) == 1 else "cells are"
        raise ConfigError(
            f"--on {on}: {len(live)} {noun} under way, and {on} takes no more of a sweep until "
            f"they have ended; wait, or end them first:\n{_again(sweep, extra, '--cancel')}"
        )
    prepare(cells, known)
    tracking = cells[0].config.tracking
    made = variant(sweep, extra)
    work_dir = cells[0].config.work_dir
    parent = SweepRun.begin(tracking, sweep.name, spec.title, spec.command, made, work_dir)
    done = [known.cells[cell.id] for cell in cells if cell.id in known.cells]
    cell_run.adopt(tracking.uri, parent.run_id, done)
    if _TABLE in jobs:  # that of the earlier command would come too early
        engine.cancel({_TABLE: jobs[_TABLE]}, file.with_suffix(""))
    order = Order(
        works=[_work(cell) for cell in to_submit],
        running={cell: jobs[cell] for cell in live},
        parent_run=parent.run_id,
        sweep=sweep.file,
        extra=tuple(extra),
        out=None if out is None else str(out.absolute()),
        folder=file.with_suffix(""),
        partition=unfinished[0].config.engine.partition,
    )
    kept = False

    def note(taken: Mapping[str, str]) -> None:
        nonlocal kept
        write_json(file, {"engine": on, "jobs": {**taken}})
        if not kept:  # by what goes on now; with no job at all nothing would ever close the run
            left.leave_to_jobs(tracking, parent.run_id)
            kept = True

    if live:
        note(jobs)
    engine.submit(order, note)
    told = f"{len(to_submit)} of {len(cells)} cells are submitted to {on}"
    if not to_submit:
        told = f"The job of the table is submitted to {on}"
    _console.print(
        f"{told}; {len(live)} are under way, {len(cells) - len(unfinished)} finished.\n"
        "To look further:",
        soft_wrap=True,
    )
    for flag, what in (("--status", "how its cells are"), ("--cancel", "end them")):
        line = f"  {_again(sweep, extra, flag)}    {what}"
        _console.print(line, markup=False, soft_wrap=True)
    return 0


def status(sweep: Sweep, extra: Sequence[str], *, as_json: bool = False) -> int:
    """Prints what has become of a sweep's cells: what the store says, then what the engine says.

    Args:
        sweep: as it was submitted.
        extra: the overrides that it was submitted with.
        as_json: JSON instead of a table.

    Returns:
        The exit code: 0, or 1 if a cell has failed or was cancelled.

    Raises:
        HarnessError: the store or the engine cannot be asked.
    """
    cells = plan(sweep.configs(extra))
    known = finished(cells)
    file = _file(sweep, extra, cells)
    jobs = _jobs(file)
    engine = _engine(file)
    states = engine.states(jobs, file.with_suffix("")) if engine else {}
    told, waits = [], waiting(cells)
    for cell in cells:
        state = FINISHED if cell.id in known.cells else states.get(cell.id, "not submitted")
        if cell.id in waits and state not in (FINISHED, *LIVE):
            state = WAITS
        if state == ENDED:  # its job, but no run
            state = FAILED
        told.append(
            {"name": cell.name, "cell_id": cell.id, "state": state, "job": jobs.get(cell.id)}
        )
    counts = Counter(each["state"] for each in told)
    if as_json:
        content = {"sweep": sweep.name, "cells": told, "counts": counts}
        print(json.dumps({**content, "table": states.get(_TABLE)}, indent=1))  # noqa: T201
    else:
        table = Table(box=None, pad_edge=False)
        for heading in ("cell", "state", "job"):
            table.add_column(heading)
        for each in told:
            table.add_row(escape(str(each["name"])), each["state"], each["job"] or "")
        _console.print(table)
        line = ", ".join(f"{count:,} {state}" for state, count in counts.items())
        _console.print(f"\n{len(cells):,} cells: {line}.")
    return int(bool(counts[FAILED] + counts[CANCELLED]))


def cancel(sweep: Sweep, extra: Sequence[str]) -> int:
    """Ends the jobs of a sweep, and closes its run, which no job does any more.

    Its cells go on from their checkpoints when it is run again.

    Args:
        sweep: as it was submitted.
        extra: the overrides that it was submitted with.

    Returns:
        The exit code, 0.

    Raises:
        HarnessError: nothing of it was submitted, or the engine or the store cannot be asked.
    """
    configs = sweep.configs(extra)
    cells = plan(configs)
    file = _file(sweep, extra, cells)
    engine = _engine(file)
    if engine is None:
        raise ConfigError(
            f"--cancel: nothing of {sweep.name} was submitted with these overrides; accepted: the "
            "sweep, the overrides, the store and the work_dir that it was submitted with"
        )
    jobs = _jobs(file)
    live = _live(engine, jobs, file)
    table = {_TABLE: jobs[_TABLE]} if _TABLE in jobs else {}
    if live:
        engine.cancel({**{cell: jobs[cell] for cell in live}, **table}, file.with_suffix(""))
    noun = "job is" if len(live) == 1 else "jobs are"
    _console.print(f"{len(live)} {noun} cancelled.")
    if live:
        spec, tracking = specified(sweep, configs, extra), cells[0].config.tracking
        made = variant(sweep, extra)
        with SweepRun.begin(tracking, sweep.name, spec.title, spec.command, made) as parent:
            parent.status = "KILLED"
    return 0


def _work(cell: Cell) -> Work:
    return Work(cell.id, cell.name, cell.overrides, cell.needs, cell.config.engine)


def _again(sweep: Sweep, extra: Sequence[str], flag: str) -> str:
    return command("sweep", sweep.file, *extra, flag)


# What was submitted ---------------------------------------------------------------------


def _file(sweep: Sweep, extra: Sequence[str], cells: Sequence[Cell]) -> Path:
    """Where a sweep's jobs are noted; beside it lies a folder of the same name for its engine.

    Each experiment of each store has its own, as of what its cells leave unfinished.
    """
    name, config = folder_name(sweep.name, variant(sweep, extra)), cells[0].config
    ending = beside.ending(config.tracking.uri, config.tracking.experiment)
    return Path(config.work_dir, "jobs", f"{name}-{ending}.json").absolute()


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: cannot be read ({error}); delete it to submit anew") from None
    return content if isinstance(content, dict) else {}


def _jobs(file: Path) -> dict[str, str]:
    jobs: dict[str, str] = _read(file).get("jobs", {})
    return jobs


def _engine(file: Path) -> Any:
    name = _read(file).get("engine")
    return None if name is None else ENGINES.find(name)()


def _live(engine: Any, jobs: dict[str, str], file: Path) -> list[str]:
    """The cells whose jobs have not come to an end."""
    return _cells_in(engine.states(jobs, file.with_suffix("")))


def _cells_in(states: Mapping[str, str]) -> list[str]:
    """The cells under way of the states of all jobs."""
    return [cell for cell, state in states.items() if state in LIVE and cell != _TABLE]


# What the jobs call ---------------------------------------------------------------------


@interruptible()
@store.told()
def run_one(here: str, cell_id: str, overrides: tuple[str, ...], parent_run: str) -> None:
    """Runs one cell to its end, in a process of its own below this one.

    An engine ends its jobs by signals: the cell then checkpoints, and its run is closed, as after
    Ctrl-C. What the engine's own handlers do of a signal waits until that is done.

    Args:
        here: the folder that the sweep was submitted from.
        cell_id: the cell's.
        overrides: what composes it.
        parent_run: of its sweep.

    Raises:
        HarnessError: it was refused, failed, or is another cell here (data that have changed).
        Interrupted: a signal came, and the cell has ended.
    """
    os.chdir(here)
    cells = plan([(compose(overrides), overrides)])
    cell = next((each for each in cells if each.id == cell_id), None)
    if cell is None:
        raise HarnessError(
            f"cell {cell_id[:16]}: these overrides make another cell here; submit the sweep again "
            "where data and harness are those of its jobs"
        )
    known = finished(cells)
    wanted = [each for each in decided(cells, known) if each.id in (cell.id, cell.needs)]
    done = {each.id: known.cells[each.id] for each in wanted if each.id in known.cells}
    with ProgressView(wanted, Console(highlight=False)) as view:
        outcomes = execute(wanted, done, view, parent_run=parent_run, devices=Devices.found())
    outcome = outcomes[cell.id]
    if outcome.status != "done":
        raise HarnessError(f"{cell.name}: {outcome.status}: {outcome.message}")


@store.told()
def write_table(here: str, name: str, extra: tuple[str, ...], out: str | None) -> None:
    """Writes the table of what is finished, and closes the sweep's run.

    Args:
        here: the folder that the sweep was submitted from.
        name: the sweep's, or its file.
        extra: the overrides of all its cells.
        out: the folder of the table's files.

    Raises:
        HarnessError: the store does not answer.
    """
    os.chdir(here)
    sweep = load(name)
    configs = sweep.configs(extra)
    cells = plan(configs)
    deliver_first(_console, cells)  # of jobs whose store was away when they ended
    known = finished(cells)
    spec = table_spec(sweep, [config for config, _ in configs], extra)
    tracking = cells[0].config.tracking
    made = variant(sweep, extra)
    work_dir = cells[0].config.work_dir
    with SweepRun.begin(tracking, sweep.name, spec.title, spec.command, made, work_dir) as parent:
        done = [known.cells[cell.id] for cell in cells if cell.id in known.cells]
        cell_run.adopt(tracking.uri, parent.run_id, done)
        if done:
            result = write_report(spec, tracking.uri, None if out is None else Path(out))
            parent.add(result.paths, to_markdown(result.table))
        if len(done) < len(cells):
            parent.status = "FAILED"
