"""What is written to a run goes out in order, now or, from a journal, when its store is back.

Everything may be sent twice, for a process can die between the store's answer and the note of
it: a point of a metric is the same one with the same time, and what else there is overwrites
itself.
"""

import itertools
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.tracking import away, store
from harness.tracking.journal import Journal, Operation

#: One `log_batch` call takes at most so many metrics (MLflow's own limit is 1,000).
BATCH = 500
#: Seconds until a store that was away is tried again, while a cell trains.
AWAY_SECONDS = 10.0
#: Seconds for which a store that answered is not asked again.
_FRESH_SECONDS = 0.5
#: Seconds that it has to answer in: at first, and while it is away, for training stands still.
_FIRST, _AGAIN = 3.0, 1.0
#: Key, value, time in milliseconds, step.
Point = tuple[str, float, int, int]
#: What of MLflow's own says which run a model is of.
_MODEL_FILE = "MLmodel"


class Outbox:
    """Operations on one run, in order.

    Attributes:
        run_id: its run, as far as what was sent tells; None before one was made.
        resumed: whether it may hold points already: then none is sent again.
    """

    def __init__(
        self,
        uri: str,
        journal: Journal | None,
        run_id: str | None = None,
        before: Callable[[], None] = lambda: None,
    ):
        """Of a run, if it has one.

        Args:
            uri: the store.
            journal: where things wait while it is away; None has calls wait instead.
            run_id: None for a run that `begin` makes, or that the journal knows.
            before: delivers what has waited for longer, once the store is back.
        """
        self.uri = uri
        self.run_id = run_id
        self.resumed = False
        self._client: Any = None
        self._before = before
        self._answered = 0.0
        self._journal = journal
        self._operations: list[Operation] = []
        self._kept = 0  # of them, in the journal
        self._away_until = 0.0
        self._about: dict[str, str] = {}
        self._points: dict[tuple[str, int], float] | None = None
        self._stand_in = ""
        if journal is not None and journal.exists():
            self._take_up(journal)

    def _take_up(self, journal: Journal) -> None:
        """Has what an earlier process could not deliver wait again, before anything else."""
        self._about = journal.about()
        self.run_id = self._about.get("run") or self.run_id
        self._stand_in = self._about.get("stand_in", "")
        self._operations = journal.read()
        self._kept = len(self._operations)
        self.resumed = True

    @property
    def name(self) -> str:
        """The run's id; a stand-in for it, which is replaced as things are sent, before it has one.

        Only for what is written to this run.
        """
        begun = [one["stand_in"] for one in self._operations if one["do"] == "begin"]
        return begun[-1] if begun else self.run_id or self._stand_in

    @property
    def waits_on_disk(self) -> bool:
        """Whether some of it is in the journal: its store is away."""
        return bool(self._kept)

    def describe(self, about: Mapping[str, str]) -> None:
        """What the journal is to say of whose it is, beside its store and run."""
        self._about |= about

    def begin(self, **content: Any) -> None:
        """Adds that the run is taken up or made; `_begin` says what of."""
        self.put("begin", stand_in=uuid.uuid4().hex, at=now(), **content)

    def put(self, do: str, **content: Any) -> None:
        """Adds an operation: `do` is one of the methods below, without its underscore."""
        self._operations.append({"do": do, **content})

    def put_points(self, points: Iterable[Point]) -> int:
        """Adds points of metrics; returns how many wait in the operation that took the last."""
        last: list[Point] = []
        if len(self._operations) > self._kept and self._operations[-1]["do"] == "metrics":
            last = self._operations[-1]["points"]
        for point in points:
            if not last or len(last) >= BATCH:
                last = []
                self.put("metrics", points=last)
            last.append(point)
        return len(last)

    def flush(self, *, at_once: bool = False) -> bool:
        """Sends all; what a store does not take now, waits on disk. Without a journal, waits.

        Args:
            at_once: also if the store was away a moment ago.

        Returns:
            Whether the store has it all.
        """
        if self._journal is None:
            self.send()
            return True
        try:
            if at_once or time.monotonic() >= self._away_until:
                with away.patience(0):
                    self._ask()
                    self.send()
        except Exception as error:
            if not away.is_away(error):
                raise
            if not self._away_until:
                away.tell(
                    f"the store {self.uri} does not answer; training goes on, and what it logs "
                    f"waits in {self._journal.folder.parents[1]}"
                )
            self._away_until = time.monotonic() + AWAY_SECONDS
        else:
            if not self._operations and self._away_until:
                away.tell(f"the store {self.uri} has taken what was waiting for it")
                self._away_until = 0.0
        self.keep()
        return not self._operations

    def send(self) -> None:
        """Sends all that waits, for as long as `away.patience` has it wait for the store.

        Raises:
            TrackingError: the store did not come back in time.
        """
        while self._operations:
            count, operation = self._next()
            self._client = self._client or store.client(self.uri)
            try:
                getattr(self, f"_{operation['do']}")(self._client, operation)
            except _OvertakenError as overtaken:
                self.run_id = str(overtaken)
                self._drop(len(self._operations))
                return
            except Exception as error:
                if away.is_away(error):
                    raise
                if self._kept and self._is_gone():
                    self._drop(self._kept)
                    continue
                if operation["do"] != "metrics":  # what is refused once would be so for ever
                    self._drop(count)
                raise
            self._drop(count)

    def _ask(self) -> None:
        """Finds out whether the store is there, unless it has just answered."""
        if self._kept or time.monotonic() - self._answered > _FRESH_SECONDS:
            store.require_answer(self.uri, seconds=_AGAIN if self._away_until else _FIRST)
            if self._kept:
                self._before()
        self._answered = time.monotonic()

    def _next(self) -> tuple[int, Operation]:
        """How many of the first operations go out together, and as what."""
        first = self._operations[0]
        if first["do"] != "metrics":
            return 1, first
        points: list[Point] = []
        count = 0
        for one in itertools.takewhile(lambda one: one["do"] == "metrics", self._operations):
            if points and len(points) + len(one["points"]) > BATCH:
                break
            points += one["points"]
            count += 1
        return count, {"do": "metrics", "points": points}

    def _drop(self, count: int) -> None:
        """Forgets the first operations, and has the journal do so."""
        kept = self._operations[: min(count, self._kept)]
        if kept and self._journal is not None:
            self._journal.taken(kept)
        self._kept -= len(kept)
        del self._operations[:count]

    def keep(self) -> None:
        """Has in the journal what still waits, and nothing at all once nothing does."""
        journal = self._journal
        assert journal is not None
        if not self._operations:
            if journal.exists():
                journal.clear()
            self._kept = 0
            return
        new = self._operations[self._kept :]
        if not new:
            return
        self._tell(journal)
        for one in new:
            if one["do"] == "artifact":
                one["file"] = journal.keep(Path(one["file"]))
        journal.add(new)
        self._kept = len(self._operations)

    def _tell(self, journal: Journal) -> None:
        self._about.setdefault("since", str(now()))
        about = {**self._about, "uri": self.uri, "stand_in": self._stand_in}
        if self.run_id is not None:
            about["run"] = self.run_id
        if journal.about() != about:
            journal.tell(about)

    def _is_gone(self) -> bool:
        """Whether somebody has deleted the run that an earlier process wrote to."""
        from mlflow.exceptions import MlflowException

        if self.run_id is None:
            return False
        try:
            stage = self._client.get_run(self.run_id).info.lifecycle_stage
        except MlflowException as error:
            return bool(error.error_code == "RESOURCE_DOES_NOT_EXIST")
        return bool(stage != "active")

    # What operations do.

    def _begin(self, client: Any, operation: Operation) -> None:
        """Takes up the cell's unfinished run, the newest, or makes one."""
        experiment = store.open_experiment(self.uri, operation["experiment"])
        cell, tags = operation["cell"], operation["tags"]
        found = newest(client, experiment, cell)
        if found is not None and _is_complete(found):
            raise _OvertakenError(found.info.run_id)
        dense = tags.get("harness.dense_cell_id")
        if dense is not None and "harness.dense_run_id" not in tags:
            baseline = newest(client, experiment, dense)
            if baseline is not None:  # its files may be under way still
                tags = {**tags, "harness.dense_run_id": baseline.info.run_id}
        if found is None:
            made = client.create_run(
                experiment, operation["at"], tags=tags, run_name=operation["name"]
            )
            self.run_id = made.info.run_id
        else:
            self.run_id = found.info.run_id
            client.update_run(self.run_id, status="RUNNING")
            if "harness.failure" in found.data.tags:
                client.delete_tag(self.run_id, "harness.failure")
            self._tags(client, {"tags": {**tags, "harness.resumed_on": tags["harness.host"]}})
        self.resumed = found is not None
        self._points, self._stand_in = None, operation["stand_in"]
        if self._kept and self._journal is not None:
            self._tell(self._journal)

    def _tags(self, client: Any, operation: Operation) -> None:
        from mlflow.entities import RunTag

        entries = [RunTag(key, self._named(value)) for key, value in operation["tags"].items()]
        client.log_batch(self.run_id, tags=entries)

    def _params(self, client: Any, operation: Operation) -> None:
        from mlflow.entities import Param

        entries = [Param(key, value) for key, value in operation["params"].items()]
        for start in range(0, len(entries), 100):  # MLflow's limit a call
            client.log_batch(self.run_id, params=entries[start : start + 100])

    def _metrics(self, client: Any, operation: Operation) -> None:
        """Sends points; of a step logged before and again, MLflow would keep both."""
        from mlflow.entities import Metric

        points = operation["points"]
        if self.resumed and self._points is None:
            self._points = self._in_store(client)
        if self._points is not None:
            points = [point for point in points if not self._has(point)]
        if points:
            client.log_batch(self.run_id, metrics=[Metric(*point) for point in points])
        if self._points is not None:
            self._points |= {(key, step): value for key, value, _, step in points}

    def _in_store(self, client: Any) -> dict[tuple[str, int], float]:
        return {
            (key, point.step): point.value
            for key in client.get_run(self.run_id).data.metrics
            for point in client.get_metric_history(self.run_id, key)
        }

    def _has(self, point: Point) -> bool:
        """Whether the run has a point there: the first one stays, of a time that was taken too."""
        key, _, _, step = point
        return (key, step) in (self._points or {})

    def _artifact(self, client: Any, operation: Operation) -> None:
        path = Path(operation["file"])
        if not path.is_absolute() and self._journal is not None:
            path = self._journal.folder / path
        if path.name == _MODEL_FILE:
            path.write_text(self._named(path.read_text()))
        client.log_artifact(self.run_id, str(path), operation["folder"])

    def _inputs(self, client: Any, operation: Operation) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        datasets = [
            DatasetInput(
                Dataset(**one["dataset"]), [InputTag(*pair) for pair in one["tags"].items()]
            )
            for one in operation["datasets"]
        ]
        store.raced(self.uri, lambda: client.log_inputs(self.run_id, datasets))

    def _end(self, client: Any, operation: Operation) -> None:
        client.set_terminated(self.run_id, operation["status"], operation["at"])

    def _named(self, text: str) -> str:
        """A text with the run's id where its stand-in was."""
        return text.replace(self._stand_in, str(self.run_id)) if self._stand_in else text


class _OvertakenError(Exception):
    """Somebody else has finished the cell meanwhile: the run's id."""


def now() -> int:
    """Milliseconds since the epoch, as MLflow counts."""
    return int(time.time() * 1000)


def newest(client: Any, experiment: str, cell: str) -> Any:
    """A cell's run: one that is finished, or else the one begun last; None without any."""
    found = client.search_runs(
        [experiment],
        f"tags.`harness.cell_id` = '{cell}' and tags.`harness.kind` = 'cell'",
        order_by=["attributes.start_time DESC"],
    )
    # a finished one before any attempt that was begun after it
    return next(filter(_is_complete, found), next(iter(found), None))


def _is_complete(run: Any) -> bool:
    return run.info.status == "FINISHED" and run.data.tags.get("harness.complete") == "true"


def deliver(journal: Journal, uri: str | None = None) -> None:
    """Sends all that waits in a journal; the caller holds the cell's lock.

    Args:
        journal: an earlier process's.
        uri: the store's address, if it has another one now.

    Raises:
        TrackingError: the store did not take it; it says why.
    """
    where = uri or journal.about()["uri"]
    outbox = Outbox(where, journal)
    with store.told(where):
        outbox.send()
    journal.clear()
