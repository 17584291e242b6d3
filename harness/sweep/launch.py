"""What `harness run` and `harness sweep` do: plan, run what is not finished, say how it went."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from harness import tasks
from harness.cell.cell import Cell, log_path
from harness.cell.delivery import Left
from harness.cell.job import Outcome
from harness.cell.stages import tidy_finished
from harness.config import Config
from harness.errors import FULL, WAITING, ConfigError, full
from harness.report import ReportResult, TableSpec
from harness.report.render import to_markdown
from harness.sweep import scratch, worker
from harness.sweep.execute import done, execute
from harness.sweep.further import report_of_cells, report_of_sweep, say_further
from harness.sweep.gpu_places import Devices
from harness.sweep.interrupts import interruptible
from harness.sweep.plan import decided, plan, training
from harness.sweep.preflight import preflight
from harness.sweep.progress import ProgressView, clock
from harness.sweep.publish import write_report
from harness.sweep.spec import Sweep
from harness.sweep.table import table_spec
from harness.sweep.variant import variant
from harness.sweep.waiting import deliver, deliver_first, tell_of
from harness.tracking import cell_run, left, store, view
from harness.tracking.runs import Finished, find_all
from harness.tracking.sweep_run import SweepRun
from harness.training.cluster import cluster

Configs = Sequence[tuple[Config, tuple[str, ...]]]
_console = Console(highlight=False)


@interruptible()
@store.told()
def launch(
    configs: Configs,
    *,
    jobs: int | None = 1,
    per_device: int = 1,
    further: bool = True,
    program: tuple[str, ...] = (),
) -> int:
    """Runs cells and their dense baselines.

    Args:
        configs: validated configs with the overrides that composed them.
        jobs: cells at once; None for as many as the GPUs hold, or suit the cores.
        per_device: cells at once on each GPU.
        further: whether to end with what to do next.
        program: what takes the overrides, if not `harness run`.

    Returns:
        The exit code: 0 all done, 1 a cell failed, 2 one was refused, 3 all were trained and
        something waits for the store, 130 one was interrupted.

    Raises:
        HarnessError: input that is refused before anything is spent.
        KeyboardInterrupt: Ctrl-C, SIGTERM or SLURM's warning ended it; the cells' processes have
            ended, each with a checkpoint of the step that it had reached.
    """
    worker.refuse_unguarded()
    devices = Devices.found(per_device)
    at_once = devices.at_once(configs, jobs)
    _leads(configs, at_once)
    cells = plan(configs, program)
    deliver_first(_console, cells)
    known = finished(cells)
    prepare(cells, known, devices)
    if any(cell.id not in known.cells for cell in cells):
        tracking = cells[0].config.tracking
        view.save_view(tracking, tasks.quality(cells[0].config.model.name).name)
    outcomes = _run(cells, known, at_once, devices, parent_run=None)
    left = _deliver_last(cells)
    for outcome in outcomes.values():
        if outcome.status == "done" and not outcome.value.get("waits"):
            _console.print(f"run {outcome.value['run_id']}")
    code = _exit_code(cells, outcomes) or (WAITING if left else 0)
    if code == 0 and further:
        tracking = cells[0].config.tracking
        _console.print("\nTo look further:")
        say_further(_console, tracking, report_of_cells(tracking), "a table of all its runs")
    return code


def _leads(configs: Configs, jobs: int) -> bool:
    """Whether this process keeps the sweep's run and report: all but the later workers do.

    Raises:
        ConfigError: `multi_worker` with a TF_CONFIG that is missing or malformed, or with
            several jobs: workers meet at one address, and come to the cells in one order.
    """
    if all(config.strategy.name != "multi_worker" for config, _ in configs):
        return True
    if jobs > 1:
        raise ConfigError(f"--jobs: received {jobs} with strategy=multi_worker; accepted: 1")
    return cluster().is_chief


@interruptible()
@store.told()
def launch_sweep(
    sweep: Sweep,
    extra: Sequence[str] = (),
    *,
    jobs: int | None = 1,
    per_device: int = 1,
    out: Path | None = None,
) -> int:
    """Runs a sweep's cells and writes its table.

    Args:
        sweep: from `harness.sweep.spec.load`.
        extra: overrides for every cell; `seed=1,2,3` sets the seeds.
        jobs: as of `launch`.
        per_device: as of `launch`.
        out: the folder of the table's files; None for `results/NAME`.

    Returns:
        As `launch`.

    Raises:
        HarnessError: as `launch`.
    """
    worker.refuse_unguarded()
    configs = sweep.configs(extra)
    devices = Devices.found(per_device)
    at_once = devices.at_once(configs, jobs)
    if not _leads(configs, at_once):
        return launch(configs, jobs=jobs, per_device=per_device)
    specified(sweep, configs, extra)  # refuses what no table could show
    cells = plan(configs)
    began = time.monotonic()
    deliver_first(_console, cells)
    known = finished(cells)
    took = ""
    made = variant(sweep, extra)
    if known.whole(sweep.name, [cell.id for cell in cells], made):
        for cell in cells:  # of jobs elsewhere that were killed before they could
            tidy_finished(cell)
        _nothing_to_do(cells, known.cells)
        _report(sweep, configs, extra, out)
        code = 0
    else:
        code = _run_below_parent(sweep, configs, cells, known, extra, at_once, devices, out)
        ran = sum(cell.id not in known.cells for cell in cells)
        noun = "cell" if ran == 1 else "cells"
        took = f"{ran} {noun} in {clock(time.monotonic() - began)}. " if ran else ""
    if code == 0:
        _console.print(f"\n{took}To look further:")
        again = report_of_sweep(sweep.file, extra, out)
        say_further(_console, cells[0].config.tracking, again, "the table again")
    return code


def _run_below_parent(
    sweep: Sweep,
    configs: Configs,
    cells: list[Cell],
    known: Finished,
    extra: Sequence[str],
    jobs: int,
    devices: Devices,
    out: Path | None,
) -> int:
    tracking = cells[0].config.tracking
    prepare(cells, known, devices)
    spec = specified(sweep, configs, extra)
    made = variant(sweep, extra)
    work_dir = cells[0].config.work_dir
    with SweepRun.begin(tracking, sweep.name, spec.title, spec.command, made, work_dir) as parent:
        quality = spec.quality.name
        view.save_view(tracking, quality, parent.summary())
        outcomes = _run(cells, known, jobs, devices, parent_run=parent.run_id)
        left = _deliver_last(cells)
        parent.awaited = not any(one.away for one in left)
        if parent.awaited and any(outcome.status == "done" for outcome in outcomes.values()):
            result = _report(sweep, configs, extra, out)
            parent.add(result.paths, to_markdown(result.table))
            view.save_view(tracking, quality, parent.summary())
        if any(outcome.status != "done" for outcome in outcomes.values()):
            parent.status = "FAILED"
    return _exit_code(cells, outcomes) or (WAITING if left else 0)


def _report(sweep: Sweep, configs: Configs, extra: Sequence[str], out: Path | None) -> ReportResult:
    return write_report(specified(sweep, configs, extra), configs[0][0].tracking.uri, out)


def specified(sweep: Sweep, configs: Configs, extra: Sequence[str]) -> TableSpec:
    """The specification of a sweep's table.

    Raises:
        ConfigError: no table could show its cells.
    """
    return table_spec(sweep, [config for config, _ in configs], extra)


def finished(cells: Sequence[Cell]) -> Finished:
    """What is done in the experiment of these cells.

    Raises:
        TrackingError: their store cannot be reached or read.
    """
    tracking = cells[0].config.tracking
    store.check(tracking.uri)
    return find_all(tracking.uri, tracking.experiment)


def _check_work_dir(cells: Sequence[Cell]) -> None:
    """Refuses a work folder that cannot be made or written to; leaves nothing behind."""
    for work_dir in dict.fromkeys(cell.config.work_dir for cell in cells):
        folder = Path(work_dir).absolute()
        try:
            there = next(path for path in (folder, *folder.parents) if path.exists())
            with tempfile.TemporaryDirectory(dir=there) as made:
                Path(made, "any").write_bytes(b"any")  # a full disk takes folders all the same
        except OSError as error:
            if error.errno in FULL:
                raise ConfigError(f"work_dir: received {work_dir}; {full(error)}") from None
            raise ConfigError(
                f"work_dir: received {work_dir}, which cannot be written to ({error.strerror}); "
                "accepted: a folder that you may write to, or make"
            ) from None


def _run(
    cells: list[Cell], known: Finished, jobs: int, devices: Devices, parent_run: str | None
) -> dict[str, Outcome]:
    tracking = cells[0].config.tracking
    finished = {cell.id: known.cells[cell.id] for cell in cells if cell.id in known.cells}
    for cell in cells:
        if cell.id in finished:
            tidy_finished(cell)
    if parent_run is not None:
        cell_run.adopt(tracking.uri, parent_run, finished.values())
    to_do = [cell for cell in cells if cell.id not in finished]
    if not to_do:
        return _nothing_to_do(cells, finished)
    if finished:
        _console.print(f"{len(finished)} of {len(cells)} cells are finished already.")
    cells = decided(cells, known)
    train = [cell for cell in cells if cell.trains]
    _say_training(len(train), len(to_do) - len(train))
    try:
        with ProgressView(to_do, _console, train) as view:
            return execute(cells, finished, view, parent_run=parent_run, jobs=jobs, devices=devices)
    except KeyboardInterrupt:
        tell_of(_console, cells, "interrupted")
        raise


def _deliver_last(cells: Sequence[Cell]) -> list[Left]:
    """Delivers what has waited, and says what still does if that is interrupted."""
    try:
        return deliver(_console, cells)
    except KeyboardInterrupt:
        tell_of(_console, cells, "interrupted")
        raise


def _say_training(trained: int, anew: int) -> None:
    """Says how many cells start from finished weights, if any do."""
    if anew:
        measured = "1 cell is" if anew == 1 else f"{anew} cells are"
        others = {0: "none is", 1: "1 is"}.get(trained, f"{trained} are")
        _console.print(f"{measured} measured anew, {others} trained.")


def prepare(cells: Sequence[Cell], known: Finished, devices: Devices | None = None) -> None:
    """Refuses what can be refused while nothing is written yet; then makes the store.

    What was built for a finished run of the same weights needs no second look.
    """
    tracking = cells[0].config.tracking
    if all(cell.id in known.cells for cell in cells):
        return
    _check_work_dir(cells)
    unknown = [cell.config for cell in training(cells, known)]
    if unknown:
        worker.warm()
        import harness.tracking.preload  # noqa: F401  meanwhile: this process will need it, too

        with _console.status("checking the cells"):
            preflight(unknown, len(devices.gpus) if devices else 0)
    store.open_experiment(tracking.uri, tracking.experiment)
    closed = left.close_dead(tracking, cells[0].config.work_dir)
    if closed:
        noun = "run was" if closed == 1 else "runs were"
        _console.print(f"{closed} {noun} left by processes that are gone, and closed.")


def _nothing_to_do(cells: Sequence[Cell], finished: Mapping[str, str]) -> dict[str, Outcome]:
    scratch.remove_left()  # as the first cell's process would have
    noun = "cell is" if len(cells) == 1 else "cells are"
    _console.print(f"Nothing to do: {len(cells)} {noun} finished.")
    return {cell.id: done(finished[cell.id]) for cell in cells}


def _exit_code(cells: Sequence[Cell], outcomes: dict[str, Outcome]) -> int:
    statuses = {outcome.status for outcome in outcomes.values()}
    if statuses <= {"done"}:
        return 0
    for cell in cells:
        if outcomes[cell.id].status == "failed":
            _console.print(f"log of {cell.name}: {log_path(cell)}", markup=False, soft_wrap=True)
    if "interrupted" in statuses:
        return 130
    return 2 if statuses <= {"done", "refused"} else 1
