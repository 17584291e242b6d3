"""How far the cells of a table are: done, running, failed and why, or waiting."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.report.collect import row_of
from harness.report.table_spec import RowSpec, TableSpec
from harness.report.values import canonical
from harness.tracking import process
from harness.tracking.runs import Uri, read_histories, read_runs

DONE, RUNNING, FAILED, WAITING = "done", "running", "failed", "waiting"
_LOSS = "train/loss"
_Steps = dict[str, tuple[int, float]]


@dataclass(frozen=True)
class CellStatus:
    """One cell that a table plans.

    Attributes:
        model: as the table names it.
        sparsity: the same, with its variant.
        seed: the seed.
        state: `DONE`, `RUNNING`, `FAILED` or `WAITING`.
        said: the quality of one that is done, the last step and loss of one that is running, why
            one failed.
        run_id: its newest run; empty if it has none.
        experiment_id: that run's.
    """

    model: str
    sparsity: str
    seed: str
    state: str
    said: str = ""
    run_id: str = ""
    experiment_id: str = ""


def read_status(spec: TableSpec, uri: Uri, runs: pd.DataFrame | None = None) -> list[CellStatus]:
    """Reads how far a table's cells are, in the table's order.

    Args:
        spec: a sweep's table, whose rows say which seeds are planned.
        uri: the store.
        runs: those of its experiment, where they have been read.

    Raises:
        TrackingError: the store cannot be read, or holds no such experiment.
    """
    frame = read_runs(uri, spec.reads) if runs is None else runs
    newest: dict[tuple[int, str], dict[str, Any]] = {}
    for number, run in zip(row_of(frame, spec), frame.to_dict("records"), strict=True):
        named = {str(name): value for name, value in run.items()}
        key = number, canonical(named.get("params.seed"))
        if number >= 0 and (key not in newest or _done(named) > _done(newest[key])):
            newest[key] = named  # the newest comes first, but what is done stays so
    steps = _steps(newest, uri)
    return [
        _cell(spec, row, str(seed), newest.get((number, canonical(seed))), steps.get(number, {}))
        for number, row in enumerate(spec.rows)
        for seed in row.seeds
    ]


def _done(run: Mapping[str, Any]) -> bool:
    return run["status"] == "FINISHED" and run.get("tags.harness.complete") == "true"


def is_running(run: Mapping[str, Any]) -> bool:
    """Whether a run is open, and not for a process that is known to have ended."""
    told = str(run.get(f"tags.{process.TAG}") or "")
    return run["status"] == "RUNNING" and not process.is_dead(told)


def _steps(newest: Mapping[tuple[int, str], Mapping[str, Any]], uri: Uri) -> dict[int, _Steps]:
    """Of each row, the last steps of those that are running; under "" the steps of one done."""
    asked: dict[str, tuple[int, str]] = {}
    for (number, _), run in newest.items():
        if is_running(run):
            asked[run["run_id"]] = number, run["run_id"]
    for (number, _), run in newest.items():
        if _done(run) and number in {row for row, _ in asked.values()}:
            asked.setdefault(run["run_id"], (number, ""))
    found: dict[int, _Steps] = {}
    for run_id, histories in read_histories(uri, list(asked), [_LOSS]).items():
        number, name = asked[run_id]
        if histories.get(_LOSS):
            found.setdefault(number, {})[name] = histories[_LOSS][-1]
    return found


def _cell(
    spec: TableSpec, row: RowSpec, seed: str, run: Mapping[str, Any] | None, steps: _Steps
) -> CellStatus:
    if run is None:
        return CellStatus(row.model, row.name, seed, WAITING)
    if _done(run):
        quality = run.get(f"metrics.{spec.quality.name}")
        state, said = DONE, "" if quality is None else spec.quality.text(quality)
    elif is_running(run):
        state, said = RUNNING, _progress(steps, run["run_id"])
    else:
        ended = "its process is gone" if run["status"] == "RUNNING" else run["status"].lower()
        state, said = FAILED, str(run.get("tags.harness.failure") or ended)
    where = run["run_id"], str(run["experiment_id"])
    return CellStatus(row.model, row.name, seed, state, said, *where)


def _progress(steps: _Steps, run_id: str) -> str:
    if run_id not in steps:
        return "no step logged yet"
    step, loss = steps[run_id]
    of = f" of {steps[''][0]:,}" if "" in steps else ""
    return f"step {step:,}{of}, training loss {loss:.4g}"
