"""What is left of a plan, cell by cell, and what it will take, from what earlier cells took."""

import json
import statistics
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.cell import delivery
from harness.cell.cell import Cell, checkpoint_file
from harness.config import Config, is_dense, phase_of
from harness.config.label import params
from harness.sweep.plan import training
from harness.tracking.costs import Cost, find_unfinished
from harness.tracking.runs import Finished

#: What becomes of a cell.
FINISHED, RESUMES, MEASURED, TRAINS = "finished", "resumes", "measured anew", "trains"
#: Of a cell that is done and whose journal is to be delivered; of one that is refused until the
#: checkpoint which it would go on from is deleted.
WAITS, DAMAGED = "waits for its store", "damaged checkpoint"
STATES = (FINISHED, WAITS, RESUMES, MEASURED, TRAINS, DAMAGED)


@dataclass(frozen=True)
class Estimate:
    """What a cell is about to take; None where no earlier cell tells.

    Attributes:
        seconds: until it is finished.
        disk_bytes: of the files of its model.
    """

    seconds: float | None
    disk_bytes: float | None


@dataclass(frozen=True)
class Forecast:
    """A planned cell, and what becomes of it.

    Attributes:
        cell: as planned.
        state: one of `STATES`.
        shared: how many other cells of the plan start from it.
        estimate: nothing of a finished cell.
        run_id: of a finished cell.
        step: at which a cell is taken up again.
    """

    cell: Cell
    state: str
    shared: int
    estimate: Estimate
    run_id: str | None = None
    step: int | None = None


def forecast(cells: Sequence[Cell], known: Finished, costs: Sequence[Cost]) -> list[Forecast]:
    """What becomes of each cell of a plan.

    Args:
        cells: from `harness.sweep.plan`.
        known: what is finished.
        costs: of earlier cells.

    Raises:
        TrackingError: the store cannot be reached or read.
    """
    shared: dict[str, int] = {}
    for cell in cells:
        if cell.needs is not None:
            shared[cell.needs] = shared.get(cell.needs, 0) + 1
    trains = {cell.id for cell in training(cells, known)}
    waits = waiting(cells)
    checkpoints = {
        cell.id: notes
        for cell in cells
        if cell.id in trains and cell.id not in waits and (notes := _left(cell)) is not None
    }
    tracking = cells[0].config.tracking
    if checkpoints:  # that of a run which was deleted is not gone on from
        unfinished = find_unfinished(tracking.uri, tracking.experiment)
        checkpoints = {each: notes for each, notes in checkpoints.items() if each in unfinished}
    estimates = _Estimates(costs)
    found = []
    for cell in cells:
        of_cell, run_id = shared.get(cell.id, 0), known.cells.get(cell.id)
        notes = checkpoints.get(cell.id)
        if run_id is not None:
            each = Forecast(cell, FINISHED, of_cell, Estimate(0.0, 0.0), run_id)
        elif cell.id in waits:
            each = Forecast(cell, WAITS, of_cell, Estimate(0.0, 0.0))
        elif cell.id not in trains:
            each = Forecast(cell, MEASURED, of_cell, estimates.measured(cell.config))
        else:
            state = TRAINS if notes is None else RESUMES if notes else DAMAGED
            done = notes or {}
            estimate = estimates.trained(cell.config, float(done.get("seconds", 0.0)))
            each = Forecast(cell, state, of_cell, estimate, step=done.get("step"))
        found.append(each)
    return found


def waiting(cells: Iterable[Cell]) -> set[str]:
    """The cells that are done and whose runs wait on disk for their store to take them."""
    places = {(cell.config.work_dir, cell.config.tracking.uri) for cell in cells}
    return {
        about["cell"]
        for work_dir, uri in places
        for journal, about in delivery.journals(work_dir, uri).items()
        if journal.is_finished()
    }


def _left(cell: Cell) -> dict[str, Any] | None:
    """What an interrupted cell's checkpoint notes of itself; empty if damaged, None without one."""
    try:
        with np.load(checkpoint_file(cell), allow_pickle=False) as file:
            notes = json.loads(str(file["notes"]))
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return {}
    return notes if isinstance(notes, dict) and isinstance(notes.get("step"), int) else {}


class _Estimates:
    """Medians of earlier cells of the same model, data set and batch.

    Training is scaled by the length of its phase; cells of the same kind (dense or pruned) are
    asked first, for masks cost time.
    """

    def __init__(self, costs: Iterable[Cost]):
        self._costs: dict[str, list[Cost]] = {}
        for cost in costs:
            self._costs.setdefault(_alike(cost.params), []).append(cost)
        self._known: dict[Any, Any] = {}

    def trained(self, config: Config, seconds_done: float) -> Estimate:
        """Of a cell that trains."""
        alike = self._alike_to(config)
        dense = is_dense(config)
        phase = phase_of(config)
        unit = "epochs" if phase.epochs is not None else "steps"
        amount = float(getattr(phase, unit) or 0)
        rate = self._rate(_of(config), alike, "dense" if dense else "finetune", unit)
        fixed = self._fixed(_of(config), alike)
        if dense and config.training.dense_weights is not None:
            rate = 0.0
        disk = _median([cost.disk_bytes for cost in alike])
        if rate is None or fixed is None:
            return Estimate(None, disk)
        return Estimate(max(0.0, rate * amount - seconds_done) + fixed, disk)

    def measured(self, config: Config) -> Estimate:
        """Of a cell that only measures what is trained."""
        alike = self._alike_to(config)
        disk = _median([cost.disk_bytes for cost in alike])
        return Estimate(self._fixed(_of(config), alike), disk)

    def _alike_to(self, config: Config) -> list[Cost]:
        key = _of(config)
        if key not in self._known:
            self._known[key] = self._costs.get(_alike(params(config)), [])
        found: list[Cost] = self._known[key]
        return found

    def _rate(self, key: Any, alike: list[Cost], phase: str, unit: str) -> float | None:
        """Seconds of training an epoch, or a step."""
        place = (key, phase, unit)
        if place not in self._known:
            rates = {"dense": list[float](), "finetune": list[float]()}
            for cost in alike:
                kind = "dense" if cost.params.get("sparsity.label") == "dense" else "finetune"
                amount = float(cost.params.get(f"training.{kind}.{unit}", 0))
                if cost.train_seconds is not None and amount > 0:
                    rates[kind].append(cost.train_seconds / amount)
            other = "finetune" if phase == "dense" else "dense"
            self._known[place] = _median(rates[phase] or rates[other])
        rate: float | None = self._known[place]
        return rate

    def _fixed(self, key: Any, alike: list[Cost]) -> float | None:
        place = (key, "fixed")
        if place not in self._known:
            seconds = [cost.other_seconds for cost in alike if cost.other_seconds is not None]
            self._known[place] = _median(seconds)
        fixed: float | None = self._known[place]
        return fixed


def _of(config: Config) -> tuple[str, str, int]:
    return repr(config.model), config.dataset.name, config.training.batch_size


def _alike(params: Mapping[str, str]) -> str:
    """What cells share that take equally long a step: model, data set, batch."""
    chosen = ("dataset.name", "training.batch_size")
    return repr(sorted(p for p in params.items() if p[0].startswith("model.") or p[0] in chosen))


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
