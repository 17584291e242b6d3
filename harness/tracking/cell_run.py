"""The MLflow run of one cell: made or taken up again, written in batches, closed honestly.

A call to MLflow for every step costs more than a small step itself, and its asynchronous
logging loses values without a word, so step metrics wait in a buffer of our own and go
out in synchronous batches, always before a checkpoint that claims them is written.
"""

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from harness.config import Config, credentials
from harness.config.label import labels, params, run_name
from harness.config.schema import TrackingOptions
from harness.errors import FULL, TrackingError, full, one_line
from harness.tracking import beside, moved, store
from harness.tracking.journal import ENDED, Journal
from harness.tracking.outbox import BATCH, Outbox, newest, now
from harness.tracking.provenance import tags as provenance_tags

#: Seconds after which waiting metrics go out, so that the UI follows a running cell.
FLUSH_SECONDS = 5.0
#: Seconds between two signs of life.
HEARTBEAT_SECONDS = 60.0
#: The tags of a run that say when its process last gave one, in seconds since the epoch, and where
#: that has its locks (`beside.mark`).
HEARTBEAT, LOCKS = "harness.heartbeat", "harness.locks"
#: Measures of the finished cell have no step: MLflow's UI draws bars for those at its first
#: step, where it would draw a curve of one point.
FINAL_STEP = 0
_TAG_LIMIT = 5000  # MLflow cuts longer tags at 8,000


class CellRun:
    """A run open for writing. Made by `begin`; closed by `finish` or `fail`.

    `resumed` says whether an unfinished run was taken up again, or may have been, if its store
    was away: only such a run holds the metrics that came before a checkpoint.
    """

    def __init__(
        self,
        uri: str,
        run_id: str | None = None,
        *,
        journal: Journal | None = None,
        before: Callable[[], None] = lambda: None,
    ):
        self.uri = uri
        self._outbox = Outbox(uri, journal, run_id, before)
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
        about: Mapping[str, str] | None = None,
        before: Callable[[], None] = lambda: None,
    ) -> "CellRun":
        """Takes up the cell's unfinished run, or makes it.

        The caller holds the cell's lock, so a run that is still marked running belongs to
        a process that died. In `journal` all waits that is written while the store is away, this
        as well; what an earlier process left there is delivered first.

        Args:
            config: the cell.
            cell_id: its id.
            tags: beside those that say what the cell is and what it runs on.
            command: what runs it again.
            name: the run's.
            journal: None has everything that is written wait for the store.
            about: what the journal is to say of the cell.
            before: delivers what has waited for longer than this, once the store is back.
        """
        run = cls(config.tracking.uri, journal=journal, before=before)
        all_tags = {
            **provenance_tags(command),
            **labels(config),
            **tags,
            "harness.kind": "cell",
            "harness.cell_id": cell_id,
            "harness.complete": "false",
            LOCKS: beside.mark(config.tracking.uri, config.work_dir),
            **_sign_of_life(),
        }
        name = name or run_name(config)
        experiment = config.tracking.experiment
        run._outbox.describe({"experiment": experiment, "name": name, **(about or {})})
        run._outbox.begin(experiment=experiment, cell=cell_id, tags=all_tags, name=name)
        run._outbox.put("params", params=params(config))
        run.flush()
        return run

    @property
    def run_id(self) -> str:
        """The run's id; while its store is away, what becomes it in all that is written to it."""
        return self._outbox.name

    @property
    def resumed(self) -> bool:
        """Whether it may have been begun before."""
        return self._outbox.resumed or self.is_pending

    @property
    def is_pending(self) -> bool:
        """Whether it waits for its store to be made or taken up."""
        return self._outbox.run_id is None

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Sets tags in one call."""
        self._outbox.put("tags", tags=_short(tags))
        self.flush()

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Logs metrics at a global step; they go out with the next batch."""
        at = now()
        filled = self._outbox.put_points(
            (key, readable(value), at, step) for key, value in metrics.items()
        )
        late = time.monotonic() - self._flushed > FLUSH_SECONDS
        if late or filled >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Sends all that waits; what a store does not take now, waits on disk."""
        self._flushed = time.monotonic()
        if self._flushed - self._beaten > HEARTBEAT_SECONDS and not self._outbox.waits_on_disk:
            self._outbox.put("tags", tags=_sign_of_life())
            self._beaten = self._flushed
        self._outbox.flush()

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """Logs a file as an artifact, under `folder` if given."""
        self._outbox.put("artifact", file=str(path.absolute()), folder=folder)
        self.flush()

    def log_inputs(self, datasets: list[dict[str, Any]]) -> None:
        """Logs data sets, each its `dataset` and `tags`; the same ones again change nothing."""
        self._outbox.put("inputs", datasets=datasets)
        self.flush()

    def finish(self, description: str, measures: Mapping[str, float] | None = None) -> bool:
        """Closes the run; only from here on does the cell count as done.

        Args:
            description: what its page says.
            measures: of the finished cell. They come after its files, of which some are: an attempt
                that ends before writes its own files, and would measure some of them anew.

        Returns:
            Whether its store has it all; if not, it waits on disk.
        """
        self.log(FINAL_STEP, measures or {})
        self._outbox.put(
            "tags", tags=_short({"mlflow.note.content": description, "harness.complete": "true"})
        )
        self._outbox.put("end", at=now(), **ENDED)
        return self._outbox.flush(at_once=True)

    def fail(self, reason: str, status: str = "FAILED") -> None:
        """Closes the run as failed (or KILLED); a later attempt takes it up again."""
        self._outbox.put("tags", tags=_short({"harness.failure": reason}))
        self._outbox.put("end", at=now(), status=status)
        self._outbox.flush(at_once=True)


def _sign_of_life() -> dict[str, str]:
    return {HEARTBEAT: str(int(time.time()))}


def _short(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags as a store takes them; errors of MLflow's name a server with its password."""
    return {key: credentials.hidden(value)[:_TAG_LIMIT] for key, value in tags.items()}


def readable(value: float) -> float:
    """A metric as the UI should print it: whole numbers as they are, others to six digits.

    Means in float32 have no more, and what follows would be read as noise.
    """
    value = float(value)
    return value if not math.isfinite(value) or value == int(value) else float(f"{value:.6g}")


def find_finished(tracking: TrackingOptions, cell_id: str) -> str | None:
    """The run id of a finished cell, the newest of duplicates; None if there is none."""
    return _newest(tracking, f"tags.`harness.cell_id` = '{cell_id}'")


def find_begun(tracking: TrackingOptions, cell_id: str) -> str | None:
    """The run id of a cell, finished or not; None if there is none."""
    experiment = store.open_experiment(tracking.uri, tracking.experiment)
    found = newest(store.client(tracking.uri), experiment, cell_id)
    return None if found is None else str(found.info.run_id)


def _newest(tracking: TrackingOptions, condition: str) -> str | None:
    found = store.client(tracking.uri).search_runs(
        [store.open_experiment(tracking.uri, tracking.experiment)],
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
    found = store.client(tracking.uri).search_runs(
        [store.open_experiment(tracking.uri, tracking.experiment)],
        f"attributes.status = 'RUNNING' and tags.`harness.cell_id` = '{cell_id}'",
    )
    for run in found:
        CellRun(tracking.uri, run.info.run_id).fail(reason, status)


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
        TrackingError: it cannot be had; it says why, and what to do.
    """
    from mlflow.exceptions import MlflowException

    database = beside.sqlite_path(uri)
    if database is not None and not database.exists():  # a client would make it
        raise TrackingError(_no_run(uri, run_id))
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with TemporaryDirectory() as folder:
        try:
            path = Path(store.client(uri).download_artifacts(run_id, name, folder))
        except (MlflowException, OSError) as error:
            raise TrackingError(_why_unread(uri, run_id, name, error)) from None
        yield path


def _why_unread(uri: str, run_id: str, name: str, error: Exception) -> str:
    """A line on an artifact that could not be read; to delete its run helps only if it is gone.

    Raises:
        TrackingError: the store was moved and not told of it.
    """
    from mlflow.exceptions import MlflowException

    # each file's error has a heading of its own in MLflow's, which has them as text
    said = one_line(credentials.hidden(str(error))).rpartition(" ##### ")[2]
    for number in FULL:
        if f"[Errno {number}]" in said:
            return full(OSError(number, os.strerror(number), gettempdir()))
    client = store.client(uri)
    try:
        run = client.get_run(run_id)
    except MlflowException as unknown:
        if unknown.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return _no_run(uri, run_id)
    _refuse_moved(uri, client.get_experiment(run.info.experiment_id))
    with suppress(MlflowException, OSError):  # what cannot be listed may be there
        folder = name.rpartition("/")[0] or None
        if name not in {one.path for one in client.list_artifacts(run_id, folder)}:
            place = credentials.hidden(run.info.artifact_uri)
            return (
                f"run {run_id}: its artifact {name} is not in {place}; bring it back, or delete "
                "the run to train the cell again"
            )
    return f"run {run_id}: its artifact {name} cannot be read ({said}); mend that, then go on"


def _no_run(uri: str, run_id: str) -> str:
    return f"there is no run {run_id} in {uri}; tracking.uri=… names the store that has it"


def _refuse_moved(uri: str, experiment: Any) -> None:
    """Refuses a store whose artifacts lie where it was before, as this experiment's do."""
    database = beside.sqlite_path(uri)
    if database is not None:
        moved.refuse_moved(uri, database, experiment.name, experiment.artifact_location)


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
