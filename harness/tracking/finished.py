"""Which cells of an experiment are finished: asked before anything is started.

An SQLite store answers through a read-only query, so that a sweep with nothing left to do
says so without importing MLflow. Any other store is asked through MLflow's client. Both
give the same answer.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from harness.errors import TrackingError
from harness.tracking import store
from harness.tracking.reader import NoRunsError, open_read_only


@dataclass(frozen=True)
class Finished:
    """What is done in an experiment.

    Attributes:
        cells: cell id -> run id, the newest of duplicates.
        parents: run id -> the run of the sweep that it hangs below.
        sweeps: sweep name, and the variant in brackets -> its run, if that was closed.
    """

    cells: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    sweeps: dict[str, str] = field(default_factory=dict)

    def whole(self, sweep: str, cell_ids: Collection[str], variant: str = "") -> bool:
        """Whether all these cells are finished, below a sweep's run, and the sweep's is closed.

        A cell that several variants share hangs below the run of the first.
        """
        closed = set(self.sweeps.values())
        return named(sweep, variant) in self.sweeps and all(
            cell in self.cells and self.parents.get(self.cells[cell]) in closed for cell in cell_ids
        )


def named(sweep: str, variant: str) -> str:
    """What a variant of a sweep is called here."""
    return f"{sweep} ({variant})" if variant else sweep


_QUERY = """
SELECT runs.run_uuid, tags.key, tags.value
FROM runs JOIN experiments USING (experiment_id) JOIN tags USING (run_uuid)
WHERE experiments.name = ? AND experiments.lifecycle_stage = 'active'
  AND runs.lifecycle_stage = 'active' AND runs.status = 'FINISHED'
  AND tags.key IN ('harness.cell_id', 'harness.complete', 'harness.sweep',
    'harness.variant', 'mlflow.parentRunId')
ORDER BY runs.start_time DESC, runs.run_uuid
"""


def find_all(uri: str, experiment: str) -> Finished:
    """The finished cells and sweeps of an experiment; nothing where there is no store yet.

    Args:
        uri: the MLflow store.
        experiment: its name.

    Raises:
        TrackingError: the store cannot be reached or read.
    """
    if store.sqlite_path(uri) is None:
        return _from_client(uri, experiment)
    return _from_sqlite(uri, experiment)


def _from_sqlite(uri: str, experiment: str) -> Finished:
    path = store.sqlite_path(uri)
    assert path is not None
    tags: dict[str, dict[str, str]] = {}
    try:
        with open_read_only(path) as db:
            for run_id, key, value in db.execute(_QUERY, (experiment,)):
                tags.setdefault(run_id, {})[key] = value
    except NoRunsError:
        return Finished()
    except TrackingError:  # made by another process at this moment, or no store of MLflow's
        return _from_client(uri, experiment)
    return _gather(tags)


def _from_client(uri: str, experiment: str) -> Finished:
    experiment_id = store.open_experiment(uri, experiment)
    client = store.client(uri)
    tags: dict[str, dict[str, str]] = {}
    token: str | None = None
    while token is None or token:
        page = client.search_runs(
            [experiment_id],
            "attributes.status = 'FINISHED'",
            max_results=1000,
            order_by=["attributes.start_time DESC"],
            page_token=token,
        )
        tags |= {run.info.run_id: run.data.tags for run in page}
        token = page.token or ""
    return _gather(tags)


def _gather(tags: dict[str, dict[str, str]]) -> Finished:
    """Sorts runs, newest first, into what they finish."""
    found = Finished()
    for run_id, of_run in tags.items():
        if "harness.sweep" in of_run:
            name = named(of_run["harness.sweep"], of_run.get("harness.variant", ""))
            found.sweeps[name] = run_id  # the oldest, as SweepRun takes it up
        elif of_run.get("harness.complete") == "true" and "harness.cell_id" in of_run:
            found.cells.setdefault(of_run["harness.cell_id"], run_id)
            if "mlflow.parentRunId" in of_run:
                found.parents[run_id] = of_run["mlflow.parentRunId"]
    return found
