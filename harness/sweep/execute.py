"""Runs planned cells, each in its own process, and survives whatever happens to one of them."""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from harness.cell.cell import Cell, log_path
from harness.cell.delivery import INTERRUPTED_RUN
from harness.cell.job import Outcome
from harness.cell.lock import is_held
from harness.cell.stages import close_abandoned, run_cell
from harness.errors import HarnessError
from harness.sweep import worker
from harness.sweep.cores import Cores
from harness.sweep.foreseen import Foreseen
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


#: What ends a process that gets no memory: the kernel, or what it does without.
_MEMORY = (signal.SIGKILL, signal.SIGABRT, signal.SIGBUS, signal.SIGSEGV)


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
    foreseen: Mapping[str, Foreseen] | None = None,
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
        foreseen: what cells need of memory, by their ids, to be told of those that it ends.

    Returns:
        Cell id -> outcome, for all cells; a cell whose dense baseline failed is refused.
    """
    places, starved = devices or Devices(), Starved(foreseen)
    under_way = _UnderWay(cells, finished, listener, jobs, places, starved, busy_wait)
    try:
        while under_way.waiting or under_way.running:
            under_way.start(
                lambda cell, given: worker.start(run, (cell, parent_run), log_path(cell), given)
            )
            if under_way.running:
                under_way.share_cores()
                under_way.listen()
            else:
                time.sleep(0.1)
    finally:
        under_way.stop()
    return under_way.outcomes


class _UnderWay:
    """The cells of a plan: those that wait, those that run, and what became of the others.

    Attributes:
        waiting: in an order in which they can run.
        running: by job, each with its cell and the devices that it has.
        outcomes: by cell id.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        finished: dict[str, str],
        listener: Listener,
        jobs: int,
        devices: Devices,
        starved: Starved,
        busy_wait: float,
    ) -> None:
        self.outcomes = {cell.id: done(finished[cell.id]) for cell in cells if cell.id in finished}
        self.waiting = [cell for cell in cells if cell.id not in finished]
        self.running: dict[worker.Job, tuple[Cell, Place]] = {}
        self._listener, self._devices, self._busy_wait = listener, devices, busy_wait
        self._not_before: dict[str, float] = {}
        self._starved, self._trailing, self._cores = starved, Trailing(jobs), Cores()

    def start(self, begin: Callable[[Cell, dict[str, str]], worker.Job]) -> None:
        """Starts what may start now.

        Args:
            begin: starts a cell's job, with these variables in its environment.
        """
        _refuse_orphans(self.waiting, self.outcomes, self._listener)
        under_way = {cell.trained for cell, _ in self.running.values()}
        room = self._trailing.room(self.running)
        trainable = [cell for cell in self.waiting if self._has_weights(cell.needs)]
        for cell in _ready(trainable, self._not_before, under_way)[:room]:
            others = [each for each, _ in self.running.values()]
            if not (self._starved.may_start(cell, others) and self._trailing.may_start(cell)):
                break
            if is_held(cell):
                self._put_off(cell, said=cell.id in self._not_before)
                continue
            self.waiting.remove(cell)
            if cell.id in self._not_before and (ended := _ended_elsewhere(cell)):
                self._end(cell, ended)
                continue
            place = self._devices.take(cell.config.strategy)
            if place is None:  # the first in line waits for its devices; none overtakes it
                self.waiting.insert(0, cell)
                break
            self._listener.started(cell)
            given = place.environment() if place.gpus else self._cores.environment()
            try:
                self.running[begin(cell, given)] = cell, place
            except OSError as error:  # its folders cannot be written; others have their own
                self._devices.give_back(place)
                self._end(cell, Outcome("failed", message=worker.line_of(error)))

    def _has_weights(self, needed: str | None) -> bool:
        """Whether the cell that another one starts from has weights that it can have."""
        return needed is None or needed in self.outcomes or self._trailing.trails(needed)

    def share_cores(self) -> None:
        """Has the cells that train share the cores out, and the others give way to them."""
        train = [
            job for job, (cell, _) in self.running.items() if not self._trailing.trails(cell.id)
        ]
        self._cores.share([job.process.pid for job in train if not self.running[job][1].gpus])
        if train:
            self._trailing.give_way()

    def listen(self) -> None:
        """Hears for a second what the jobs say, and puts away those that have ended."""
        self._starved.look(cell for cell, _ in self.running.values())
        for job, news in worker.poll(list(self.running), timeout=1.0):
            cell, place = self.running[job]
            if isinstance(news, Outcome):
                if (code := job.process.exitcode) and -code in _MEMORY:
                    self._starved.killed(cell, signal.Signals(-code))
                del self.running[job]
                self._trailing.ended(cell)
                self._devices.give_back(place)
                self._ended(cell, news)
            elif not (
                self._starved.heard(cell, news)
                or self._trailing.heard(cell, news, place, job.process.pid)
            ):
                self._listener.event(cell, news)

    def stop(self) -> None:
        """Ends the jobs that are still running."""
        worker.stop(list(self.running))
        for job, (cell, _) in self.running.items():
            if job.process.exitcode == -signal.SIGKILL:  # it had no time to say so itself
                _close(cell, INTERRUPTED_RUN, "KILLED")

    def _ended(self, cell: Cell, outcome: Outcome) -> None:
        """Takes down how a cell's job ended, or has the cell wait for another one."""
        if outcome.status == "busy":
            self.waiting.insert(0, cell)
            self._put_off(cell)
            return
        if outcome.status == "failed":
            outcome = self._starved.told(cell, outcome)
            _close(cell, outcome.message)
            if self._starved.tried_alone(cell):
                note = "out of memory beside others; it runs again alone"
                self._listener.event(cell, {"kind": "stage", "stage": note})
                self.waiting.insert(0, cell)
                return
        self._end(cell, outcome)

    def _end(self, cell: Cell, outcome: Outcome) -> None:
        self.outcomes[cell.id] = outcome
        self._listener.ended(cell, outcome)

    def _put_off(self, cell: Cell, said: bool = False) -> None:
        """Has a cell that another process is running looked at again later."""
        if not said:
            self._listener.waiting(cell)
        self._not_before[cell.id] = time.monotonic() + self._busy_wait


def _close(cell: Cell, reason: str, status: str = "FAILED") -> None:
    """Closes the run of a process that died; one that a store does not take is closed later.

    A store that is away must not end the cells that need it no more, or only later.
    """
    with suppress(HarnessError), away.patience(0), store.told(cell.config.tracking.uri):
        close_abandoned(cell, reason, status)


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
    not_before: dict[str, float],
    under_way: set[str],
) -> list[Cell]:
    """The cells that may start now: of those that share their weights, one at once."""
    now = time.monotonic()
    ready = {
        cell.trained: cell
        for cell in reversed(waiting)
        if not_before.get(cell.id, 0.0) <= now and cell.trained not in under_way
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
