"""`harness search`: settings sought that serve several ends at once, by Optuna's ask and tell.

Every trial is an ordinary cell: it shares its dense baseline with the others, is found again when
its settings come again, and goes on from its checkpoint when the search is taken up again. What
was tried is kept in an SQLite file under `work_dir`, as Optuna keeps a study.
"""

import csv
import io
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness import metrics, tasks
from harness.config import compose, credentials
from harness.config.ignored import refuse_ignored
from harness.config.names import need_name
from harness.config.searched import axes
from harness.errors import INTERRUPTED, WAITING, ConfigError, HarnessError
from harness.metrics import LOWER, Metric
from harness.options import unknown
from harness.report.files import write_files
from harness.sweep.gpu_places import Devices
from harness.sweep.launch import finished, launch
from harness.sweep.plan import plan
from harness.tracking import away, cell_run

_console = Console(highlight=False)
#: The second end, beside the task's own quality, where none is named.
_BYTES = "size/tflite_gzip_bytes"


def search(
    name: str,
    overrides: Sequence[str],
    *,
    trials: int,
    objectives: Sequence[str] = (),
    jobs: int | None = 1,
    per_device: int = 1,
    out: Path | None = None,
) -> int:
    """Tries settings until so many cells are done, and writes the Pareto front.

    Args:
        name: of the study, and of the experiment of its runs.
        overrides: of every cell, and what is searched.
        trials: finished ones in all, those of earlier commands included.
        objectives: metrics by name; the task's quality and the gzipped bytes by default.
        jobs: cells at once of a trial (its dense baseline comes first).
        per_device: cells that share a GPU, as of `launch`.
        out: the folder of the front's files; None for `results/NAME`.

    Returns:
        The exit code: 0, or 130 interrupted, or 3 if a trial's cell waits for its store; that
        trial is asked again at the next start.

    Raises:
        HarnessError: input that is refused before anything is spent.
    """
    try:
        import optuna
    except ImportError:
        raise ConfigError(
            "harness search: the package optuna is not installed; install it with "
            "`pip install 'sparsity-harness[search]'`"
        ) from None
    need_name("--name", name)
    Devices.found(per_device).jobs(jobs)  # refused once, not once a trial
    given = credentials.taken_from(overrides)  # Optuna's study keeps them
    fixed, searched = axes([f"tracking.experiment={name}", *given])
    first = compose([*fixed, *(axis.example for axis in searched)])
    first.training.check()
    sought = _objectives(objectives, first.model.name)
    with _alone(Path(first.work_dir).absolute() / "search", name) as file:
        study = _study(optuna, file, name, sought)
        fruitless = 0
        while len(_done(study, optuna)) < trials:
            trial = study.ask()
            asked = (*fixed, *(axis.ask(trial) for axis in searched))
            said = "  ".join(asked[len(fixed) :])
            _console.print(f"trial {trial.number}: {said}", markup=False)
            code, values = _tried(asked, sought, jobs, per_device)
            if code in (INTERRUPTED, WAITING):
                return code
            if values is not None:
                study.set_user_attr(f"overrides {trial.number}", list(asked))
                study.tell(trial, values)
                fruitless = 0
                continue
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            fruitless += 1
            if fruitless == _FRUITLESS:
                raise HarnessError(
                    f"harness search: the last {_FRUITLESS} trials were refused or failed, as said "
                    "above; accepted: a space whose cells can be run"
                )
        _write_front(study, sought, out or Path("results", name))
    return 0


#: Trials that may go wrong one after another before the space itself is at fault.
_FRUITLESS = 5


@contextmanager
def _alone(folder: Path, name: str) -> Iterator[Path]:
    """The file of a study, which no other search has within the block.

    Raises:
        ConfigError: another one has it, or it cannot be written.
    """
    file = folder / f"{name}.db"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{file}.lock", timeout=0).acquire()
    except Timeout:
        raise ConfigError(
            f"--name: received {name}, whose search is under way ({file}); accepted: another name, "
            "or the same once that has ended"
        ) from None
    except OSError as error:
        raise ConfigError(f"work_dir: cannot write into {folder} ({error.strerror})") from None
    with lock:
        yield file


def _objectives(names: Sequence[str], model: str) -> list[Metric]:
    """The metrics that are sought.

    Raises:
        ConfigError: one that there is not, or that has no better end.
    """
    ranked = {metric.name: metric for metric in metrics.METRICS if metric.better}
    for name in names:
        if name not in ranked:
            raise ConfigError(unknown("--objective", name, ranked))
    return [ranked[name] for name in names or (tasks.quality(model).name, _BYTES)]


def _study(optuna: Any, file: Path, name: str, sought: Sequence[Metric]) -> Any:
    """The study of a file, its trials that were under way when it was left asked again.

    Raises:
        ConfigError: it sought other ends.
    """
    optuna.logging.set_verbosity(logging.WARNING)
    made = optuna.create_study(
        study_name=name,
        storage=f"sqlite:///{file}",
        load_if_exists=True,
        directions=["minimize" if metric.better == LOWER else "maximize" for metric in sought],
    )
    names = [metric.name for metric in sought]
    before = made.user_attrs.get("objectives", names)
    if before != names:
        raise ConfigError(
            f"--objective: received {', '.join(names)}, but the study {name} seeks "
            f"{', '.join(before)}; accepted: the same, or another --name"
        )
    made.set_user_attr("objectives", names)
    # a search that is taken up again draws on, and does not draw the same again
    made.sampler = optuna.samplers.TPESampler(seed=1 + len(made.trials))
    for trial in made.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        made.enqueue_trial(trial.params)
        made.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return made


def _done(study: Any, optuna: Any) -> list[Any]:
    found: list[Any] = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    return found


def _tried(
    overrides: tuple[str, ...], sought: Sequence[Metric], jobs: int | None, per_device: int
) -> tuple[int, list[float] | None]:
    """Runs a cell; the exit code, and what it reached, None if it came to no end.

    Raises:
        TrackingError: its store does not answer, which is not the cell's fault.
    """
    try:
        config = compose(overrides)
        refuse_ignored([(config, overrides)])
        code = launch([(config, overrides)], jobs=jobs, per_device=per_device, further=False)
    except HarnessError as error:
        if away.is_away(error):
            raise
        _console.print(f"refused: {credentials.hidden(str(error))}", markup=False)
        return 2, None
    cells = plan([(config, overrides)])
    run_id = finished(cells).cells.get(cells[-1].id)
    if code or run_id is None:
        return code or 1, None
    reached = cell_run.final_metrics(config.tracking, run_id, tuple(each.name for each in sought))
    values = [reached.get(metric.name, math.nan) for metric in sought]
    if any(math.isnan(value) for value in values):
        missing = [m.name for m, value in zip(sought, values, strict=True) if math.isnan(value)]
        raise ConfigError(
            f"--objective: run {run_id} has no {', '.join(missing)}; accepted: what its runs have, "
            f"e.g. {', '.join(sorted(reached)) or 'test/loss'} (an export=… writes its bytes)"
        )
    return 0, values


def _write_front(study: Any, sought: Sequence[Metric], folder: Path) -> None:
    """Prints the trials that no other one beats in every end; `pareto.csv` has them, too."""
    front = sorted(study.best_trials, key=lambda trial: trial.values)
    keys = sorted({key for trial in front for key in trial.params})
    header = [*(metric.name for metric in sought), *keys]
    rows: list[list[Any]] = []
    table = Table(box=None, pad_edge=False)
    for heading in header:
        table.add_column(escape(heading), justify="right")
    for trial in front:
        typed = _typed(study.user_attrs[f"overrides {trial.number}"])
        row = [*trial.values, *(typed.get(key, "") for key in keys)]
        rows.append(row)
        shown = [f"{value:.6g}" if isinstance(value, float) else str(value) for value in row]
        table.add_row(*map(escape, shown))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    (file,) = write_files(folder, {"pareto.csv": text.getvalue().encode()})
    total = len(study.get_trials())
    _console.print(f"\nPareto front, {len(front)} of {total} trials ({file}):", markup=False)
    _console.print(table)


def _typed(overrides: Sequence[str]) -> Mapping[str, str]:
    return {each.partition("=")[0]: each.partition("=")[2] for each in overrides}
