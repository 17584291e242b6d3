"""Runs planned cells, each in its own process, and survives whatever happens to one of them."""

import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from harness.cell.cell import Cell, log_path
from harness.cell.delivery import INTERRUPTED_RUN
from harness.cell.job import Outcome
from harness.cell.lock import is_held
from harness.cell.stages import close_abandoned, run_cell
from harness.errors import FULL, HarnessError, full
from harness.sweep import worker
from harness.sweep.cores import Cores
from harness.sweep.gpu_places import Devices, Place
from harness.sweep.starved import Starved
from harness.sweep.trailing import Trailing
from harness.tracking import away, cell_run, store

#: Seconds between two looks at a cell that another process is running, where none are asked for.
BUSY_WAIT = 1.0


class Listener(Protocol):
    """Hears what happens to the cells; `harness.sweep.progress` draws it."""

    def started(self, cell: Cell) -> None:
        """The cell's process has been started."""

    def event(self, cell: Cell, event: dict[str, object]) -> None:
        """The cell sent word: its phase, step, metrics."""

    def waiting(self, cell: Cell) -> None:
        """Another process is running the cell; it is tried again later."""

    def ended(self, cell: Cell, outcome: Outcome) -> None:
        """The cell is done, was refused or failed."""


def execute(
    cells: Sequence[Cell],
    finished: dict[str, str],
    listener: Listener,
    *,
    parent_run: str | None = None,
    jobs: int = 1,
    devices: Devices | None = None,
    run: Callable[..., dict[str, Any]] = run_cell,
    busy_wait: float = BUSY_WAIT,
) -> dict[str, Outcome]:
    """Runs the cells that are not finished, at most `jobs` at once.

    On CPUs cells that train at once share the cores out among them, and one that has been trained
    and evaluated lets the next one start while its files are written and weighed.

    Args:
        cells: in an order in which they can run.
        finished: cell id -> run id of cells that need no run.
        listener: hears of starts, events and ends.
        parent_run: the sweep's run id.
        jobs: processes at once.
        devices: the GPUs that each cell gets some of; None gives none away.
        run: takes what `run_cell` does, in the cell's process; must be picklable.
        busy_wait: seconds between two looks at a cell that another process is running. It is
            waited for without a process, on its lock and the store.

    Returns:
        Cell id -> outcome, for all cells; a cell whose dense baseline failed is refused.
    """
    outcomes = {cell.id: done(finished[cell.id]) for cell in cells if cell.id in finished}
    waiting = [cell for cell in cells if cell.id not in finished]
    not_before: dict[str, float] = {}
    running: dict[int, tuple[worker.Job, Cell, Place]] = {}
    devices, cores = devices or Devices(), Cores()
    starved, trailing = Starved(), Trailing(jobs)
    try:
        while waiting or running:
            _refuse_orphans(waiting, outcomes, listener)
            under_way = {cell.trained for _, cell, _ in running.values()}
            room = trailing.room(running)
            for cell in _ready(waiting, outcomes, not_before, under_way)[:room]:
                others = [each for _, each, _ in running.values()]
                if not (starved.may_start(cell, others) and trailing.may_start(cell)):
                    break
                if is_held(cell):
                    if cell.id not in not_before:
                        listener.waiting(cell)
                    not_before[cell.id] = time.monotonic() + busy_wait
                    continue
                waiting.remove(cell)
                if cell.id in not_before and (ended := _ended_elsewhere(cell)):
                    outcomes[cell.id] = ended
                    listener.ended(cell, ended)
                    continue
                place = devices.take(cell.config.strategy)
                if place is None:  # the first in line waits for its devices; none overtakes it
                    waiting.insert(0, cell)
                    break
                listener.started(cell)
                given = place.environment() if place.gpus else cores.environment()
                try:
                    job = worker.start(run, (cell, parent_run), log_path(cell), given)
                except OSError as error:  # its folders cannot be written; others have their own
                    devices.give_back(place)
                    outcomes[cell.id] = Outcome("failed", message=_line_of(error))
                    listener.ended(cell, outcomes[cell.id])
                    continue
                running[id(job)] = (job, cell, place)
            if not running:
                time.sleep(0.1)
                continue
            train = [each for each in running.values() if trailing.trains(each[1])]
            cores.share([job.process.pid for job, _, place in train if not place.gpus])
            if train:
                trailing.give_way()
            for job, news in worker.poll([job for job, *_ in running.values()], timeout=1.0):
                _, cell, place = running[id(job)]
                if isinstance(news, dict):
                    pid = job.process.pid
                    if not (starved.heard(cell, news) or trailing.heard(cell, news, place, pid)):
                        listener.event(cell, news)
                    continue
                del running[id(job)]
                trailing.ended(cell)
                devices.give_back(place)
                if news.status == "busy":
                    listener.waiting(cell)
                    not_before[cell.id] = time.monotonic() + busy_wait
                    waiting.insert(0, cell)
                    continue
                if news.status == "failed":
                    beside, news = bool(running), starved.told(cell, news)
                    _close(cell, news.message)
                    if starved.tried_alone(cell, beside):
                        note = "out of memory beside others; it runs again alone"
                        listener.event(cell, {"kind": "stage", "stage": note})
                        waiting.insert(0, cell)
                        continue
                outcomes[cell.id] = news
                listener.ended(cell, news)
    finally:
        worker.stop([job for job, *_ in running.values()])
        for job, cell, _ in running.values():
            if job.process.exitcode == -signal.SIGKILL:  # it had no time to say so itself
                _close(cell, INTERRUPTED_RUN, "KILLED")
    return outcomes


def _close(cell: Cell, reason: str, status: str = "FAILED") -> None:
    """Closes the run of a process that died; one that a store does not take is closed later.

    A store that is away must not end the cells that need it no more, or only later.
    """
    with suppress(HarnessError), away.patience(0), store.told(cell.config.tracking.uri):
        close_abandoned(cell, reason, status)


def _line_of(error: OSError) -> str:
    return full(error) if error.errno in FULL else f"{type(error).__name__}: {error}"


def _ended_elsewhere(cell: Cell) -> Outcome | None:
    """The outcome of a cell that another process has finished; None if it has not.

    None as well where the store does not answer: the cell's own process then sees to it.
    """
    run_id = None
    with suppress(away.AwayError), away.patience(0):
        run_id = cell_run.find_finished(cell.config.tracking, cell.id)
    return None if run_id is None else done(run_id)


def done(run_id: str) -> Outcome:
    """The outcome of a cell that was finished before."""
    return Outcome("done", value={"run_id": run_id, "metrics": {}})


def _ready(
    waiting: list[Cell],
    outcomes: dict[str, Outcome],
    not_before: dict[str, float],
    under_way: set[str],
) -> list[Cell]:
    """The cells that may start now: of those that share their weights, one at once."""
    now = time.monotonic()
    ready = {
        cell.trained: cell
        for cell in reversed(waiting)
        if not_before.get(cell.id, 0.0) <= now
        and (cell.needs is None or cell.needs in outcomes)
        and cell.trained not in under_way
    }
    return [cell for cell in waiting if ready.get(cell.trained) is cell]


def _refuse_orphans(waiting: list[Cell], outcomes: dict[str, Outcome], listener: Listener) -> None:
    """A sparse cell cannot start from a dense baseline that failed."""
    for cell in list(waiting):
        needed = outcomes.get(cell.needs) if cell.needs else None
        if needed is not None and needed.status != "done":
            waiting.remove(cell)
            outcomes[cell.id] = Outcome("refused", message="its dense baseline did not finish")
            listener.ended(cell, outcomes[cell.id])
