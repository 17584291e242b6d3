"""The MLflow run of one cell: made or taken up again, written in batches, closed honestly.

A call to MLflow for every step costs more than a small step itself, and its asynchronous
logging loses values without a word, so step metrics wait in a buffer of our own and go
out in synchronous batches, always before a checkpoint that claims them is written.
"""

import math
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.config import Config
from harness.config.label import labels, params, run_name
from harness.config.schema import TrackingOptions
from harness.errors import TrackingError
from harness.tracking import away, process, store
from harness.tracking.away import Journal
from harness.tracking.provenance import tags as provenance_tags

#: One `log_batch` call takes at most so many metrics (MLflow's own limit is 1,000).
BATCH = 500
#: Seconds after which waiting metrics go out, so that the UI follows a running cell.
FLUSH_SECONDS = 5.0
#: Seconds between two signs of life.
HEARTBEAT_SECONDS = 60.0
_AGAIN = "running the cell again resumes it"
#: Seconds until a store that was away is tried again, while a cell trains.
AWAY_SECONDS = 10.0
_TAG_LIMIT = 5000  # MLflow cuts longer tags at 8,000


class CellRun:
    """A run open for writing. Made by `begin`; closed by `finish` or `fail`.

    `resumed` says whether an unfinished run was taken up again: only such a run holds the
    metrics that came before a checkpoint.
    """

    def __init__(
        self, uri: str, run_id: str, *, resumed: bool = False, journal: Journal | None = None
    ):
        self.uri = uri
        self.run_id = run_id
        self.resumed = resumed
        self._client = store.client(uri)
        self._logged = self._points() if resumed else {}
        self._waiting: list[Any] = []
        self._journal = journal
        self._kept = 0  # of what waits, in the journal
        self._away_until = 0.0
        self._take_up_journal()
        self._flushed = self._beaten = time.monotonic()

    @classmethod
    def begin(
        cls,
        config: Config,
        cell_id: str,
        tags: Mapping[str, str],
        command: str = "harness run",
        name: str = "",
        journal: Journal | None = None,
    ) -> "CellRun":
        """Takes up the cell's unfinished run, or makes it.

        The caller holds the cell's lock, so a run that is still marked running belongs to
        a process that died. In `journal` metrics wait while the store is away; what an earlier
        process left there is delivered first.
        """
        uri = config.tracking.uri
        experiment = store.open_experiment(uri, config.tracking.experiment)
        mlflow_client = store.client(uri)
        unfinished = mlflow_client.search_runs(
            [experiment],
            f"tags.`harness.cell_id` = '{cell_id}' and tags.`harness.kind` = 'cell'",
            order_by=["attributes.start_time DESC"],
        )
        all_tags = {
            **provenance_tags(command),
            **labels(config),
            **tags,
            "harness.kind": "cell",
            "harness.cell_id": cell_id,
            "harness.complete": "false",
        }
        if unfinished:
            run = cls(uri, unfinished[0].info.run_id, resumed=True, journal=journal)
            mlflow_client.update_run(run.run_id, status="RUNNING")
            if "harness.failure" in unfinished[0].data.tags:
                mlflow_client.delete_tag(run.run_id, "harness.failure")
            run.set_tags({**all_tags, "harness.resumed_on": platform.node()})
        else:
            name = name or run_name(config)
            made = mlflow_client.create_run(experiment, tags=all_tags, run_name=name)
            if journal is not None:  # of a run that was deleted
                journal.clear()
            run = cls(uri, made.info.run_id, journal=journal)
        run.log_params(params(config))
        return run

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Sets tags in one call."""
        from mlflow.entities import RunTag

        entries = [RunTag(key, value[:_TAG_LIMIT]) for key, value in tags.items()]
        self._client.log_batch(self.run_id, tags=entries)

    def log_params(self, params: Mapping[str, str]) -> None:
        """Logs parameters; the same ones again change nothing."""
        from mlflow.entities import Param

        entries = [Param(key, value) for key, value in params.items()]
        for start in range(0, len(entries), 100):  # MLflow's limit a call
            self._client.log_batch(self.run_id, params=entries[start : start + 100])

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Logs metrics at a global step; they go out with the next batch."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._waiting += [
            Metric(key, value, now, step)
            for key, value in ((key, readable(value)) for key, value in metrics.items())
            if not self._has(key, step, value)
        ]
        late = time.monotonic() - self._flushed > FLUSH_SECONDS
        if late or len(self._waiting) >= BATCH:
            self.flush()

    def _keep(self, journal: Journal) -> None:
        """Has in the journal what still waits, and nothing else once nothing does."""
        if not self._waiting:
            journal.clear()
        new = self._waiting[self._kept :]
        if new:
            journal.add([(one.key, one.value, one.timestamp, one.step) for one in new])
        self._kept = len(self._waiting)

    def _take_up_journal(self) -> None:
        """Has what an earlier process could not deliver wait again, before anything else."""
        from mlflow.entities import Metric

        for point in self._journal.read() if self._journal is not None else ():
            if (point[0], point[3]) not in self._logged:
                self._waiting.append(Metric(*point))
                self._logged[point[0], point[3]] = point[1]
        self._kept = len(self._waiting)

    def _points(self) -> dict[tuple[str, int], float]:
        """What an earlier attempt has logged: MLflow would keep both of a step logged twice."""
        return {
            (key, point.step): point.value
            for key in self._client.get_run(self.run_id).data.metrics
            for point in self._client.get_metric_history(self.run_id, key)
        }

    def _has(self, key: str, step: int, value: float) -> bool:
        """Whether the run has this point: of a finished cell's measures, with the same value."""
        found = self._logged.get((key, step))
        return found is not None and (step > 0 or found == value)

    def flush(self) -> None:
        """Sends all waiting metrics; those that a store does not take now, wait on disk."""
        self._flushed = time.monotonic()
        if self._journal is None:
            self._send(self._client)
            return
        try:
            if self._flushed >= self._away_until:
                store.require_free(self.uri)
                self._send(self._client.at_once)
        except Exception as error:
            if not away.is_away(error):
                raise
            if not self._away_until:
                away.tell(f"the store {self.uri} does not answer; training goes on meanwhile")
            self._away_until = time.monotonic() + AWAY_SECONDS
        else:
            if not self._waiting and self._away_until:
                away.tell(f"the store {self.uri} has taken what was waiting for it")
                self._away_until = 0.0
        self._keep(self._journal)
        if self._flushed - self._beaten > HEARTBEAT_SECONDS and not self._away_until:
            self._client.set_tag(self.run_id, "harness.heartbeat", str(int(time.time())))
            self._beaten = self._flushed

    def _send(self, client: Any) -> None:
        while self._waiting:
            batch = self._waiting[:BATCH]
            client.log_batch(self.run_id, metrics=batch)
            del self._waiting[: len(batch)]
            self._kept = max(0, self._kept - len(batch))

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """Logs a file as an artifact, under `folder` if given."""
        self._client.log_artifact(self.run_id, str(path), folder)

    def log_inputs(self, datasets: list[Any]) -> None:
        """Logs MLflow dataset inputs; the same ones again change nothing."""
        store.raced(self.uri, lambda: self._client.log_inputs(self.run_id, datasets))

    def _deliver(self) -> None:
        """Sends all that waits, for as long as it takes a store that is away to come back."""
        self._send(self._client)
        if self._journal is not None:
            self._keep(self._journal)

    def finish(self, description: str) -> None:
        """Closes the run; only from here on does the cell count as done."""
        self._deliver()
        self.set_tags({"mlflow.note.content": description, "harness.complete": "true"})
        self._client.set_terminated(self.run_id, "FINISHED")

    def fail(self, reason: str, status: str = "FAILED") -> None:
        """Closes the run as failed (or KILLED); a later attempt takes it up again."""
        self.flush()
        self.set_tags({"harness.failure": reason})
        self._client.set_terminated(self.run_id, status)


def readable(value: float) -> float:
    """A metric as the UI should print it: whole numbers as they are, others to six digits.

    Means in float32 have no more, and what follows would be read as noise.
    """
    value = float(value)
    return value if not math.isfinite(value) or value == int(value) else float(f"{value:.6g}")


def find_finished(tracking: TrackingOptions, cell_id: str) -> str | None:
    """The run id of a finished cell, the newest of duplicates; None if there is none."""
    return _newest(tracking, f"tags.`harness.cell_id` = '{cell_id}'")


def _newest(tracking: TrackingOptions, condition: str) -> str | None:
    experiment = store.open_experiment(tracking.uri, tracking.experiment)
    found = store.client(tracking.uri).search_runs(
        [experiment],
        f"attributes.status = 'FINISHED' and tags.`harness.complete` = 'true' and {condition}",
        max_results=1,
        order_by=["attributes.start_time DESC"],
    )
    return str(found[0].info.run_id) if found else None


def find_trained(tracking: TrackingOptions, trained_id: str) -> str | None:
    """The run id of a finished cell of the same trained weights; None if there is none."""
    return _newest(tracking, f"tags.`harness.trained_id` = '{trained_id}'")


def trainer_of(tracking: TrackingOptions, run_id: str) -> str:
    """The run that trained a run's weights, and has the curves: its own unless it says another."""
    tags = store.client(tracking.uri).get_run(run_id).data.tags
    return str(tags.get("harness.trained_run_id", run_id))


def final_metrics(
    tracking: TrackingOptions, run_id: str, beginnings: tuple[str, ...]
) -> dict[str, float]:
    """The last value of each metric of a run whose name begins with one of `beginnings`."""
    metrics = store.client(tracking.uri).get_run(run_id).data.metrics
    return {name: value for name, value in metrics.items() if name.startswith(beginnings)}


def close_abandoned(
    tracking: TrackingOptions, cell_id: str, reason: str, status: str = "FAILED"
) -> None:
    """Marks a cell's run as failed (or KILLED), if its process died without doing so itself.

    The caller holds the cell's lock. A later attempt takes the run up again.
    """
    experiment = store.open_experiment(tracking.uri, tracking.experiment)
    found = store.client(tracking.uri).search_runs(
        [experiment],
        f"attributes.status = 'RUNNING' and tags.`harness.cell_id` = '{cell_id}'",
    )
    for run in found:
        CellRun(tracking.uri, run.info.run_id).fail(reason, status)


def close_dead(tracking: TrackingOptions) -> int:
    """Closes the runs of an experiment that are RUNNING for processes that have ended.

    Never for age alone: the process that a run names must be known to be gone.

    Returns:
        How many there were.
    """
    experiment = store.open_experiment(tracking.uri, tracking.experiment)
    mlflow_client = store.client(tracking.uri)
    found = mlflow_client.search_runs(
        [experiment],
        "attributes.status = 'RUNNING' and tags.`harness.kind` LIKE '%'",
        max_results=1000,
    )
    dead = [run for run in found if process.is_dead(run.data.tags.get(process.TAG, ""))]
    for run in dead:
        tags = run.data.tags
        reason = f"its process {tags['harness.pid']} on {tags['harness.host']} is gone; "
        mlflow_client.set_tag(run.info.run_id, "harness.failure", reason + _AGAIN)
        mlflow_client.set_terminated(run.info.run_id, "KILLED")
    return len(dead)


def require_trained(tracking: TrackingOptions, trained_id: str) -> str:
    """The run id of a finished cell of these trained weights, however it was measured.

    Raises:
        TrackingError: there is none in this experiment.
    """
    found = find_trained(tracking, trained_id)
    if found is None:
        raise TrackingError(
            f"the weights {trained_id[:16]} are of no finished cell in experiment "
            f"{tracking.experiment!r} of {tracking.uri}; run the cell again to train them first"
        )
    return found


@contextmanager
def fetched(uri: str, run_id: str, name: str) -> Iterator[Path]:
    """A local copy of a run's artifact, within the block: MLflow would leave it lying.

    Raises:
        TrackingError: the artifact is gone.
    """
    from mlflow.exceptions import MlflowException

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with TemporaryDirectory() as folder:
        try:
            path = Path(store.client(uri).download_artifacts(run_id, name, folder))
        except (MlflowException, OSError) as error:
            raise TrackingError(
                f"run {run_id}: its artifact {name} cannot be read ({error}); delete the run to "
                "train the cell again"
            ) from None
        yield path


def adopt(uri: str, parent_run: str, run_ids: Iterable[str]) -> None:
    """Hangs finished runs below a sweep's run, but for those that hang below another one's."""
    from mlflow.exceptions import MlflowException

    mlflow_client = store.client(uri)
    alive = {parent_run: True}
    for run_id in run_ids:
        parent = mlflow_client.get_run(run_id).data.tags.get("mlflow.parentRunId")
        if parent is not None and parent not in alive:
            try:
                stage = mlflow_client.get_run(parent).info.lifecycle_stage
            except MlflowException:  # it was deleted for good
                stage = "deleted"
            alive[parent] = stage == "active"
        if parent is None or not alive[parent]:
            mlflow_client.set_tag(run_id, "mlflow.parentRunId", parent_run)
