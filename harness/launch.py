"""What `harness run` and `harness sweep` do: plan, run what is not finished, say how it went."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from harness.config import Config
from harness.execute import done, execute, log_path
from harness.plan import Cell, plan
from harness.progress import ProgressView
from harness.report import ReportResult, report
from harness.sweep import Sweep
from harness.tables import table_spec
from harness.tracking import cell_run, store
from harness.tracking.sweep_run import SweepRun
from harness.worker import Outcome

Configs = Sequence[tuple[Config, tuple[str, ...]]]
_console = Console(highlight=False)


def launch(configs: Configs, *, jobs: int = 1) -> int:
    """Runs cells and their dense baselines.

    Args:
        configs: validated configs with the overrides that composed them.
        jobs: cells at once.

    Returns:
        The exit code: 0 all done, 1 a cell failed, 2 a cell was refused.

    Raises:
        HarnessError: input that is refused before anything is spent.
    """
    cells = plan(configs)
    outcomes = _run(cells, jobs, parent_run=None)
    for outcome in outcomes.values():
        if outcome.status == "done":
            _console.print(f"run {outcome.value['run_id']}")
    return _exit_code(cells, outcomes)


def launch_sweep(
    sweep: Sweep, extra: Sequence[str] = (), *, jobs: int = 1, out: Path | None = None
) -> int:
    """Runs a sweep's cells and writes its table.

    Args:
        sweep: from `harness.sweep.load`.
        extra: overrides for every cell; `seed=1,2,3` sets the seeds.
        jobs: cells at once.
        out: the folder of the table's files; None for `results/NAME`.

    Returns:
        As `launch`.

    Raises:
        HarnessError: as `launch`.
    """
    configs = sweep.configs(extra)
    cells = plan(configs)
    tracking = configs[0][0].tracking
    store.open_experiment(tracking.uri, tracking.experiment)
    command = shlex.join(["harness", "sweep", sweep.name, *extra])
    with SweepRun.begin(tracking, sweep.name, sweep.title, command) as parent:
        began = time.monotonic()
        outcomes = _run(cells, jobs, parent_run=parent.run_id)
        if any(outcome.status == "done" for outcome in outcomes.values()):
            result = print_report(sweep, extra=extra, uri=tracking.uri, out=out)
            parent.add(result.paths, result.text)
    code = _exit_code(cells, outcomes)
    if code == 0:
        minutes, seconds = divmod(round(time.monotonic() - began), 60)
        _console.print(f"\n{len(cells)} cells in {minutes} min {seconds} s. To look further:")
        _console.print(f"  harness report {sweep.name}    the table again")
        _console.print("  harness ui             every run: metrics, models, plots")
    return code


def print_report(
    sweep: Sweep, *, extra: Sequence[str] = (), uri: str | None = None, out: Path | None = None
) -> ReportResult:
    """Writes a sweep's table and prints it.

    Args:
        sweep: from `harness.sweep.load`.
        extra: the overrides that the sweep was run with.
        uri: the MLflow store; None for the config's.
        out: the folder of the files; None for `results/NAME`.
    """
    configs = sweep.configs(extra)
    folder = out or Path("results", sweep.name)
    spec = table_spec(sweep, [config for config, _ in configs])
    result = report(spec, uri=uri or configs[0][0].tracking.uri, out_dir=folder)
    _console.print(result.text)
    for path in result.paths:
        _console.print(f"[dim]wrote {path}")
    return result


def _run(cells: list[Cell], jobs: int, parent_run: str | None) -> dict[str, Outcome]:
    tracking = cells[0].config.tracking
    store.open_experiment(tracking.uri, tracking.experiment)
    finished = cell_run.finished_cells(tracking.uri, tracking.experiment)
    if parent_run is not None:
        cell_run.adopt(
            tracking.uri, parent_run, [finished[c.id] for c in cells if c.id in finished]
        )
    to_do = [cell for cell in cells if cell.id not in finished]
    if not to_do:
        noun = "cell is" if len(cells) == 1 else "cells are"
        _console.print(f"Nothing to do: {len(cells)} {noun} finished.")
        return {cell.id: done(finished[cell.id]) for cell in cells}
    if len(to_do) < len(cells):
        _console.print(f"{len(cells) - len(to_do)} of {len(cells)} cells are finished already.")
    with ProgressView(to_do, _console) as view:
        return execute(cells, finished, view, parent_run=parent_run, jobs=jobs)


def _exit_code(cells: Sequence[Cell], outcomes: dict[str, Outcome]) -> int:
    statuses = {outcome.status for outcome in outcomes.values()}
    if statuses <= {"done"}:
        return 0
    for cell in cells:
        if outcomes[cell.id].status == "failed":
            _console.print(f"log of {cell.name}: {log_path(cell)}", soft_wrap=True)
    return 2 if statuses <= {"done", "refused"} else 1
