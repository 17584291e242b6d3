"""How the runs of a store are read: two ways behind one face.

An SQLite file is read with plain queries on a read-only connection: no MLflow import, and an
order of magnitude quicker than searching through its client. Any other store is read through the
client, page by page. Both give the same.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.config import credentials
from harness.errors import TrackingError
from harness.tracking import store

_PAGE = 1000
#: Run id, experiment id, status, start and end in milliseconds.
Row = tuple[str, str, str, int, int | None]


class NoRunsError(TrackingError):
    """A store or an experiment that does not exist (yet): nothing has been run there."""


@dataclass(frozen=True)
class Experiment:
    """One experiment that is not deleted, and the keys of its own tags."""

    id: str
    name: str
    tags: frozenset[str]


class Backend(Protocol):
    """What is asked of a store; deleted runs and experiments are none of it."""

    def experiments(self) -> list[Experiment]:
        """All experiments."""

    def runs(self, experiment: str, *, finished: bool = False) -> list[Row]:
        """The runs of an experiment (by its id), newest first; only those that are finished."""

    def pairs(
        self, experiment: str, kind: str, keys: Sequence[str] = ()
    ) -> Iterable[tuple[str, str, Any]]:
        """Run id, key and value of its `params`, `tags` or `metrics`; all keys by default.

        A metric's value is the last one by step, then by time; None for NaN.
        """

    def newest(self, experiment: str, tag: str) -> int | None:
        """When the newest run with a tag was started; None if there is none."""

    def steps(
        self, run_ids: Sequence[str], keys: Sequence[str]
    ) -> Iterable[tuple[str, str, int, float]]:
        """Run id, metric, step and value, by the time of logging; NaN may be left out."""

    def places(self, run_ids: Sequence[str]) -> Iterable[tuple[str, str]]:
        """Run id, and the URI of the run's files."""


@contextmanager
def opened(uri: str) -> Iterator[Backend]:
    """Opens a store for one consistent look at it, which changes nothing.

    Raises:
        NoRunsError: there is no such SQLite file.
        TrackingError: the store cannot be reached, or is no MLflow store.
    """
    uri = credentials.taken(uri)  # of a program's own, which no config had
    path = store.sqlite_path(uri)
    if path is not None:
        with _open_read_only(uri, path) as db:
            yield Sqlite(db)
        return
    store.check(uri)
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield Client(store.client(uri))
    except (MlflowException, SQLAlchemyError, ImportError) as error:
        raise TrackingError(
            f"the MLflow store {uri} cannot be read ({store.line_of(error)}): check the URI and "
            "the server"
        ) from error


@contextmanager
def _open_read_only(uri: str, path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise NoRunsError(
            f"there is no MLflow store at {uri}: run a sweep first, or give the URI of the store "
            "that holds its runs"
        )
    try:
        with store.read_only(path) as db:
            db.execute("BEGIN")  # one snapshot for all queries, whoever writes meanwhile
            yield db
    except sqlite3.Error as error:
        raise TrackingError(
            f"{uri} cannot be read as an MLflow store ({error}): give the URI of a store written "
            "by MLflow 3"
        ) from error


#: MLflow stores NaN as a zero with a flag beside it.
_VALUES = {
    "params": ("params", "value"),
    "tags": ("tags", "value"),
    "metrics": ("latest_metrics", "CASE WHEN is_nan THEN NULL ELSE value END"),
}


class Sqlite:
    """A `Backend` by SQL, in one transaction."""

    def __init__(self, db: sqlite3.Connection):
        self._db = db

    def experiments(self) -> list[Experiment]:
        """As `Backend`."""
        tags: dict[int, set[str]] = {}
        for number, key in self._db.execute("SELECT experiment_id, key FROM experiment_tags"):
            tags.setdefault(number, set()).add(key)
        found = self._db.execute(
            "SELECT experiment_id, name FROM experiments WHERE lifecycle_stage = 'active'"
        )
        return [Experiment(str(n), name, frozenset(tags.get(n, ()))) for n, name in found]

    def runs(self, experiment: str, *, finished: bool = False) -> list[Row]:
        """As `Backend`."""
        only = "AND status = 'FINISHED'" if finished else ""
        rows = self._db.execute(
            "SELECT run_uuid, experiment_id, status, start_time, end_time FROM runs "
            f"WHERE experiment_id = ? AND lifecycle_stage = 'active' {only} "
            "ORDER BY start_time DESC, run_uuid",
            (experiment,),
        )
        return [(run, str(number), *rest) for run, number, *rest in rows]

    def pairs(
        self, experiment: str, kind: str, keys: Sequence[str] = ()
    ) -> Iterable[tuple[str, str, Any]]:
        """As `Backend`."""
        table, value = _VALUES[kind]
        chosen = f"AND key IN ({', '.join('?' * len(keys))})" if keys else ""
        return self._db.execute(
            f"SELECT run_uuid, key, {value} FROM {table} JOIN runs USING (run_uuid) "
            f"WHERE experiment_id = ? AND lifecycle_stage = 'active' {chosen}",
            (experiment, *keys),
        )

    def newest(self, experiment: str, tag: str) -> int | None:
        """As `Backend`."""
        (start,) = self._db.execute(
            "SELECT MAX(start_time) FROM runs JOIN tags USING (run_uuid) "
            "WHERE experiment_id = ? AND lifecycle_stage = 'active' AND key = ?",
            (experiment, tag),
        ).fetchone()
        return None if start is None else int(start)

    def steps(
        self, run_ids: Sequence[str], keys: Sequence[str]
    ) -> Iterable[tuple[str, str, int, float]]:
        """As `Backend`."""
        marks = ", ".join("?" * len(keys))
        for run_id in run_ids:  # run by run: the index is on the run
            yield from self._db.execute(
                "SELECT run_uuid, key, step, value FROM metrics WHERE run_uuid = ? "
                f"AND key IN ({marks}) AND NOT is_nan ORDER BY timestamp",
                (run_id, *keys),
            )

    def places(self, run_ids: Sequence[str]) -> Iterable[tuple[str, str]]:
        """As `Backend`."""
        for start in range(0, len(run_ids), 500):  # SQLite takes so many values, and few more
            some = run_ids[start : start + 500]
            marks = ", ".join("?" * len(some))
            yield from self._db.execute(
                f"SELECT run_uuid, artifact_uri FROM runs WHERE run_uuid IN ({marks})", some
            )


class Client:
    """A `Backend` by MLflow's client; the runs of an experiment are fetched once."""

    def __init__(self, client: Any):
        self._client = client
        self._fetched: dict[tuple[str, bool], list[Any]] = {}

    def experiments(self) -> list[Experiment]:
        """As `Backend`."""
        found = self._client.search_experiments()
        return [Experiment(str(e.experiment_id), e.name, frozenset(e.tags)) for e in found]

    def runs(self, experiment: str, *, finished: bool = False) -> list[Row]:
        """As `Backend`."""
        infos = [run.info for run in self._fetch(experiment, finished)]
        return [(i.run_id, str(i.experiment_id), i.status, i.start_time, i.end_time) for i in infos]

    def _fetch(self, experiment: str, finished: bool) -> list[Any]:
        if (experiment, finished) not in self._fetched:
            runs: list[Any] = []
            token: str | None = None
            while token is None or token:
                page = self._client.search_runs(
                    [experiment],
                    "attributes.status = 'FINISHED'" if finished else "",
                    max_results=_PAGE,
                    order_by=["attributes.start_time DESC", "attributes.run_id"],
                    page_token=token,
                )
                runs += page
                token = page.token or ""
            self._fetched[experiment, finished] = runs
        return self._fetched[experiment, finished]

    def pairs(
        self, experiment: str, kind: str, keys: Sequence[str] = ()
    ) -> Iterable[tuple[str, str, Any]]:
        """As `Backend`; of all runs, or of the finished ones if only these were asked for."""
        finished = (experiment, True) in self._fetched
        for run in self._fetch(experiment, finished):
            for key, value in getattr(run.data, kind).items():
                if not keys or key in keys:
                    yield run.info.run_id, key, value

    def newest(self, experiment: str, tag: str) -> int | None:
        """As `Backend`."""
        found = self._client.search_runs(
            [experiment],
            f"tags.`{tag}` LIKE '%'",
            max_results=1,
            order_by=["attributes.start_time DESC"],
        )
        return int(found[0].info.start_time) if found else None

    def steps(
        self, run_ids: Sequence[str], keys: Sequence[str]
    ) -> Iterable[tuple[str, str, int, float]]:
        """As `Backend`."""
        for run_id in run_ids:
            for key in keys:
                history = self._client.get_metric_history(run_id, key)
                for metric in sorted(history, key=lambda m: m.timestamp):
                    yield run_id, key, metric.step, metric.value

    def places(self, run_ids: Sequence[str]) -> Iterable[tuple[str, str]]:
        """As `Backend`."""
        return [(run_id, self._client.get_run(run_id).info.artifact_uri) for run_id in run_ids]
