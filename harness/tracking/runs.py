"""What is asked of a store's runs, without changing it: all of an experiment's, as one frame;
metrics step by step; what is finished; where to look.

`harness.tracking.backends` says how a store is read.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from harness.config.credentials import hidden
from harness.errors import TrackingError, one_line
from harness.tracking import answers, backends, store
from harness.tracking.backends import Backend, NoRunsError, Row
from harness.tracking.collected import Collected

#: Run id -> metric -> its (step, value) pairs, by step.
Histories = dict[str, dict[str, list[tuple[int, float]]]]
#: A store, or several whose runs are read as one's; where both have a run, the first one's counts.
Uri = str | tuple[str, ...]
_KINDS = ("params", "tags", "metrics")
_ENDS = (
    "harness.cell_id",
    "harness.complete",
    "harness.sweep",
    "harness.trained_id",
    "harness.variant",
    "mlflow.parentRunId",
)


@contextmanager
def opened(uri: str) -> Iterator[Backend]:
    """Opens a store, or a folder of collected runs, for one look at it.

    Raises:
        NoRunsError: there is no such SQLite file.
        TrackingError: the store cannot be reached, or is no MLflow store.
    """
    if is_folder(uri):
        yield Collected(Path(uri))
    else:
        with backends.opened(uri) as backend:
            yield backend


def is_folder(uri: str) -> bool:
    """Whether a store is a folder of collected runs (`harness.tracking.collected`)."""
    return "://" not in uri and Path(uri).is_dir()


def read_runs(uri: Uri, experiment: str) -> pd.DataFrame:
    """Reads the runs of one experiment, newest first; deleted runs are left out.

    Args:
        uri: The MLflow tracking URI, such as `sqlite:///mlflow.db` or `http://host:5000`, or a
            folder of collected runs.
        experiment: The experiment's name.

    Returns:
        One row per run with `run_id`, `experiment_id`, `status`, `start_time` and `end_time`
        (UTC; NaT while running), and a column for every `params.*` and `tags.*` (text, None
        where a run has none) and `metrics.*` (float, NaN where a run has none). A metric's
        value is the last one by step, then by time, so the duplicates that a resumed run logs
        do not count.

    Raises:
        NoRunsError: The store or the experiment does not exist.
        TrackingError: The store cannot be reached, or is no MLflow store.

    Example:
        >>> runs = read_runs("sqlite:///mlflow.db", "demo")
        >>> runs["metrics.test/accuracy"].max()
    """
    if isinstance(uri, tuple):
        return _together(uri, experiment)
    with opened(uri) as backend:
        number = _experiment(backend, experiment, uri)
        frame = _Frame(backend.runs(number))
        for kind in _KINDS:
            frame.fill(f"{kind}.", backend.pairs(number, kind))
    return frame.build()


def _together(uris: Sequence[str], experiment: str) -> pd.DataFrame:
    """The runs of those stores that have the experiment, newest first.

    Raises:
        NoRunsError: none has it.
    """
    frames, missing = [], None
    for uri in uris:
        try:
            frames.append(read_runs(uri, experiment))
        except NoRunsError as error:
            missing = missing or error
    if not frames:
        raise missing or NoRunsError("no store was given to read runs from")
    if len(frames) == 1:
        return frames[0]
    found = pd.concat(frames, ignore_index=True).drop_duplicates("run_id")
    for name in map(str, found):
        if name.startswith(("params.", "tags.")):
            found[name] = found[name].astype(object).where(found[name].notna(), None)
    order = ["start_time", "run_id"]
    return found.sort_values(order, ascending=[False, True]).reset_index(drop=True)


def _experiment(backend: Backend, name: str, uri: str) -> str:
    every = {experiment.name: experiment.id for experiment in backend.experiments()}
    if name not in every:
        known = one_line(", ".join(sorted(every))) or "none"
        raise NoRunsError(
            f"the MLflow store {hidden(uri)} has no experiment {name!r} (it has: {known}): run "
            "its sweep first, or give the URI of the store that holds its runs"
        )
    return every[name]


def read_histories(uri: Uri, run_ids: Sequence[str], keys: Sequence[str]) -> Histories:
    """Reads metrics of a few runs step by step; of a step logged twice, the later value.

    Args:
        uri: As for `read_runs`.
        run_ids: The runs. Ask for those shown only: a store holds thousands of steps a run.
        keys: The metrics.

    Returns:
        The pairs of each run and metric; nothing for a metric that a run has not. Values
        that are not a number are left out.

    Raises:
        TrackingError: As `read_runs`.
    """
    if not run_ids:
        return {}
    if isinstance(uri, tuple):
        each = [read_histories(one, run_ids, keys) for one in _there(uri)]
        return {run_id: of_run for part in reversed(each) for run_id, of_run in part.items()}
    found: dict[str, dict[str, dict[int, float]]] = {}
    with opened(uri) as backend:
        for run_id, key, step, value in backend.steps(run_ids, keys):
            if math.isfinite(value):
                found.setdefault(run_id, {}).setdefault(key, {})[step] = value
    return {
        run_id: {key: sorted(values.items()) for key, values in metrics.items()}
        for run_id, metrics in found.items()
    }


def _there(uris: Sequence[str]) -> list[str]:
    """Those of several stores that exist: a fresh clone has none of its own."""
    paths = {uri: store.sqlite_path(uri) for uri in uris}
    return [uri for uri, path in paths.items() if path is None or path.is_file()]


def read_answers(uri: Uri, run_ids: Sequence[str]) -> dict[str, answers.Answers]:
    """Reads what runs said of each test example; nothing of those that do not say.

    Args:
        uri: As for `read_runs`.
        run_ids: The runs.
    """
    if isinstance(uri, tuple):
        each = [read_answers(one, run_ids) for one in _there(uri)]
        return {run_id: found for part in reversed(each) for run_id, found in part.items()}
    if is_folder(uri):
        return Collected(Path(uri)).answers(run_ids)
    with opened(uri) as backend:
        parts = {run_id: answers.read(place) for run_id, place in backend.places(run_ids)}
    return {run_id: found for run_id, part in parts.items() if (found := answers.of(part))}


@dataclass(frozen=True)
class Finished:
    """What is done in an experiment.

    Attributes:
        cells: cell id -> run id, the newest of duplicates.
        trained: trained id -> the run id of a finished cell that has these weights, the newest.
        parents: run id -> the run of the sweep that it hangs below.
        sweeps: sweep name, and the variant in brackets -> its run, if that was closed.
    """

    cells: dict[str, str] = field(default_factory=dict)
    trained: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    sweeps: dict[str, str] = field(default_factory=dict)

    def whole(self, sweep: str, cell_ids: Collection[str], variant: str = "") -> bool:
        """Whether all these cells are finished, below a sweep's run, and the sweep's is closed.

        A cell that several variants share hangs below the run of the first.
        """
        closed = set(self.sweeps.values())
        return _named(sweep, variant) in self.sweeps and all(
            cell in self.cells and self.parents.get(self.cells[cell]) in closed for cell in cell_ids
        )


def _named(sweep: str, variant: str) -> str:
    return f"{sweep} ({variant})" if variant else sweep


def find_all(uri: str, experiment: str) -> Finished:
    """The finished cells and sweeps of an experiment; nothing where there is no store yet.

    Args:
        uri: the MLflow store.
        experiment: its name.

    Raises:
        TrackingError: the store cannot be reached or read.
    """
    try:
        return _finished(uri, experiment)
    except NoRunsError:
        return Finished()
    except TrackingError:
        if store.sqlite_path(uri) is None:
            raise
        # made by another process at this moment, which this waits for; or no store of MLflow's
        store.open_experiment(uri, experiment)
        return _finished(uri, experiment)


def _finished(uri: str, experiment: str) -> Finished:
    """Sorts runs, newest first, into what they finish."""
    with opened(uri) as backend:
        number = _experiment(backend, experiment, uri)
        tags: dict[str, dict[str, str]] = {
            run_id: {} for run_id, *_ in backend.runs(number, finished=True)
        }
        for run_id, key, value in backend.pairs(number, "tags", _ENDS):
            if run_id in tags:
                tags[run_id][key] = value
    found = Finished()
    for run_id, of_run in tags.items():
        if "harness.sweep" in of_run:
            name = _named(of_run["harness.sweep"], of_run.get("harness.variant", ""))
            found.sweeps[name] = run_id  # the oldest, as SweepRun takes it up
        elif of_run.get("harness.complete") == "true" and "harness.cell_id" in of_run:
            found.cells.setdefault(of_run["harness.cell_id"], run_id)
            found.trained.setdefault(of_run.get("harness.trained_id", ""), run_id)
            if "mlflow.parentRunId" in of_run:
                found.parents[run_id] = of_run["mlflow.parentRunId"]
    return found


class _Frame:
    """Gathers (run, key, value) triples into columns; one pass, linear in the triples."""

    def __init__(self, runs: Sequence[Row]) -> None:
        self._runs = runs
        self._position = {run[0]: i for i, run in enumerate(runs)}
        self._columns: dict[str, list[Any]] = {}

    def fill(self, prefix: str, triples: Iterable[tuple[str, str, Any]]) -> None:
        """Adds one kind of triples, under columns named `prefix` + key."""
        size, position, columns = len(self._runs), self._position, self._columns
        for run, key, value in triples:
            name = prefix + key
            column = columns.get(name)
            if column is None:
                column = columns[name] = [None] * size
            column[position[run]] = value

    def build(self) -> pd.DataFrame:
        """Returns the frame: fixed columns first, the others by name."""
        columns = zip(*self._runs, strict=True) if self._runs else ((),) * 5
        ids, experiments, statuses, starts, ends = columns
        data: dict[str, Any] = {
            "run_id": pd.Series(ids, dtype=object),
            "experiment_id": pd.Series(experiments, dtype=object),
            "status": pd.Series(statuses, dtype=object),
            "start_time": pd.to_datetime(pd.Series(starts, dtype="Int64"), unit="ms", utc=True),
            "end_time": pd.to_datetime(pd.Series(ends, dtype="Int64"), unit="ms", utc=True),
        }
        for name in sorted(self._columns):
            dtype = "float64" if name.startswith("metrics.") else object
            data[name] = pd.Series(self._columns[name], dtype=dtype)
        return pd.DataFrame(data)
