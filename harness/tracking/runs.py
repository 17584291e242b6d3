"""Reads every run of an experiment into one data frame, without changing the store.

An SQLite store is read with four plain queries on a read-only connection: no MLflow
import, and an order of magnitude quicker than searching through its client. Any other
store is read through the client, page by page. Both give the same frame.
"""

import math
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from harness.errors import TrackingError

_SQLITE = "sqlite:///"
_PAGE = 1000
_PROBE_SECONDS = 5.0


class NoRunsError(TrackingError):
    """A store or an experiment that does not exist (yet): nothing has been run there."""


def read_runs(uri: str, experiment: str) -> pd.DataFrame:
    """Reads the runs of one experiment, newest first; deleted runs are left out.

    Args:
        uri: The MLflow tracking URI, such as `sqlite:///mlflow.db` or `http://host:5000`.
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
    if uri.startswith(_SQLITE):
        return _read_sqlite(Path(uri.removeprefix(_SQLITE)), experiment)
    return _read_client(uri, experiment)


def _read_sqlite(path: Path, experiment: str) -> pd.DataFrame:
    with open_read_only(path) as db:
        found = db.execute(
            "SELECT experiment_id FROM experiments WHERE name = ? AND lifecycle_stage = 'active'",
            (experiment,),
        ).fetchone()
        if found is None:
            names = db.execute(
                "SELECT name FROM experiments WHERE lifecycle_stage = 'active' ORDER BY name"
            )
            raise _no_experiment(experiment, f"{_SQLITE}{path}", [name for (name,) in names])
        runs = db.execute(
            "SELECT run_uuid, experiment_id, status, start_time, end_time FROM runs "
            "WHERE experiment_id = ? AND lifecycle_stage = 'active' "
            "ORDER BY start_time DESC, run_uuid",
            found,
        ).fetchall()
        frame = _Frame(runs)
        of_experiment = (
            "JOIN runs USING (run_uuid) WHERE experiment_id = ? AND lifecycle_stage = 'active'"
        )
        frame.fill(
            "params.", db.execute(f"SELECT run_uuid, key, value FROM params {of_experiment}", found)
        )
        frame.fill(
            "tags.", db.execute(f"SELECT run_uuid, key, value FROM tags {of_experiment}", found)
        )
        # MLflow stores NaN as a zero with a flag beside it.
        frame.fill(
            "metrics.",
            db.execute(
                "SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END "
                f"FROM latest_metrics {of_experiment}",
                found,
            ),
        )
    return frame.build()


@contextmanager
def open_read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """Opens an SQLite store for one consistent look at it, which changes nothing.

    Raises:
        NoRunsError: there is no such file.
        TrackingError: it is no MLflow store.
    """
    if not path.is_file():
        raise NoRunsError(
            f"there is no MLflow store at {_SQLITE}{path}: run a sweep first, or give the URI "
            "of the store that holds its runs"
        )
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
        ) as db:
            db.execute("BEGIN")  # one snapshot for all queries, whoever writes meanwhile
            yield db
    except sqlite3.Error as error:
        raise TrackingError(
            f"{_SQLITE}{path} cannot be read as an MLflow store ({error}): give the URI of a "
            "store written by MLflow 3"
        ) from error


def _read_client(uri: str, experiment: str) -> pd.DataFrame:
    if uri.startswith(("http://", "https://")):
        _probe(uri)
    from mlflow import MlflowClient
    from mlflow.entities import RunStatus
    from mlflow.exceptions import MlflowException

    try:
        client = MlflowClient(tracking_uri=uri)
        found = client.get_experiment_by_name(experiment)
        if found is None or found.lifecycle_stage != "active":
            names = sorted(e.name for e in client.search_experiments())
            raise _no_experiment(experiment, uri, names)
        runs: list[Any] = []
        token: str | None = None
        while token is None or token:
            page = client.search_runs(
                [found.experiment_id],
                max_results=_PAGE,
                order_by=["start_time DESC", "run_id"],
                page_token=token,
            )
            runs += page
            token = page.token or ""
    except MlflowException as error:
        raise _unreadable(uri, error) from error
    frame = _Frame(
        (
            run.info.run_id,
            run.info.experiment_id,
            RunStatus.to_string(RunStatus.from_string(run.info.status)),
            run.info.start_time,
            run.info.end_time,
        )
        for run in runs
    )
    for prefix in ("params", "tags", "metrics"):
        frame.fill(
            f"{prefix}.",
            (
                (run.info.run_id, key, value)
                for run in runs
                for key, value in getattr(run.data, prefix).items()
            ),
        )
    return frame.build()


#: Run id -> metric -> its (step, value) pairs, by step.
Histories = dict[str, dict[str, list[tuple[int, float]]]]


def read_histories(uri: str, run_ids: Sequence[str], keys: Sequence[str]) -> Histories:
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
    if uri.startswith(_SQLITE):
        steps = _sqlite_steps(Path(uri.removeprefix(_SQLITE)), run_ids, keys)
    else:
        steps = list(_client_steps(uri, run_ids, keys))
    found: dict[str, dict[str, dict[int, float]]] = {}
    for run_id, key, step, value in steps:
        if math.isfinite(value):
            found.setdefault(run_id, {}).setdefault(key, {})[step] = value
    return {
        run_id: {key: sorted(values.items()) for key, values in metrics.items()}
        for run_id, metrics in found.items()
    }


def _sqlite_steps(
    path: Path, run_ids: Sequence[str], keys: Sequence[str]
) -> list[tuple[str, str, int, float]]:
    marks = ", ".join("?" * len(keys))
    rows: list[tuple[str, str, int, float]] = []
    with open_read_only(path) as db:
        for run_id in run_ids:  # run by run: the index is on the run
            rows += db.execute(
                "SELECT run_uuid, key, step, value FROM metrics WHERE run_uuid = ? "
                f"AND key IN ({marks}) AND NOT is_nan ORDER BY timestamp",
                (run_id, *keys),
            )
    return rows


def _client_steps(
    uri: str, run_ids: Sequence[str], keys: Sequence[str]
) -> Iterator[tuple[str, str, int, float]]:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(tracking_uri=uri)
    try:
        for run_id in run_ids:
            for key in keys:
                history = client.get_metric_history(run_id, key)
                for metric in sorted(history, key=lambda m: m.timestamp):
                    yield run_id, key, metric.step, metric.value
    except MlflowException as error:
        raise _unreadable(uri, error) from error


def _unreadable(uri: str, error: Exception) -> TrackingError:
    first_line = str(error).partition("\n")[0]
    return TrackingError(
        f"the MLflow store {uri} cannot be read ({first_line}): check the URI and the server"
    )


def _probe(uri: str) -> None:
    """Fails within seconds where MLflow's client would retry for minutes."""
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=_PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return  # it answers: whether it lets us in is the client's affair
    except (OSError, ValueError) as error:
        raise TrackingError(
            f"the MLflow server {uri} cannot be reached ({error}): start it, or give another URI"
        ) from error


def _no_experiment(experiment: str, uri: str, names: list[str]) -> NoRunsError:
    known = ", ".join(names) or "none"
    return NoRunsError(
        f"the MLflow store {uri} has no experiment {experiment!r} (it has: {known}): run its "
        "sweep first, or give the URI of the store that holds its runs"
    )


class _Frame:
    """Gathers (run, key, value) triples into columns; one pass, linear in the triples."""

    def __init__(self, runs: Iterable[tuple[str, str | int, str, int, int | None]]) -> None:
        self._runs = list(runs)
        self._position = {run[0]: i for i, run in enumerate(self._runs)}
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
            "experiment_id": pd.Series(map(str, experiments), dtype=object),
            "status": pd.Series(statuses, dtype=object),
            "start_time": pd.to_datetime(pd.Series(starts, dtype="Int64"), unit="ms", utc=True),
            "end_time": pd.to_datetime(pd.Series(ends, dtype="Int64"), unit="ms", utc=True),
        }
        for name in sorted(self._columns):
            dtype = "float64" if name.startswith("metrics.") else object
            data[name] = pd.Series(self._columns[name], dtype=dtype)
        return pd.DataFrame(data)
