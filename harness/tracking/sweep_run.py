"""The parent run of a sweep: its cells hang below it in the UI, its table is its artifact."""

import itertools
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.config.schema import TrackingOptions
from harness.errors import TrackingError
from harness.tracking import away, store
from harness.tracking.journal import FOLDER, Journal
from harness.tracking.outbox import Outbox, now
from harness.tracking.provenance import tags as provenance_tags


class SweepRun:
    """A sweep's run, taken up again whenever the sweep is; a context manager that closes it."""

    def __init__(
        self,
        tracking: TrackingOptions,
        experiment: str,
        run_id: str,
        heading: str,
        work_dir: str | None = None,
    ):
        self._tracking = tracking
        self._client = store.client(tracking.uri)
        self._experiment = experiment
        self.run_id = run_id
        self._heading = heading
        self._numbers = ""
        #: How the run is closed: FAILED if one of its cells was not done.
        self.status = "FINISHED"
        #: Whether its store is waited for to close it: not if it does not answer anyway.
        self.awaited = True
        self._work_dir = work_dir

    @classmethod
    def begin(
        cls,
        tracking: TrackingOptions,
        name: str,
        title: str,
        command: str,
        variant: str = "",
        work_dir: str | None = None,
    ) -> "SweepRun":
        """Finds or makes the sweep's run in its experiment.

        Args:
            tracking: the store and the experiment.
            name: the sweep's.
            title: its table's heading.
            command: what started it.
            variant: the overrides that make its cells others than the file's; there is one run
                for each in an experiment.
            work_dir: the work folder of its cells, where its end waits for a store that is away;
                None where it does not wait, and no other command may begin it now.
        """
        experiment = store.open_experiment(tracking.uri, tracking.experiment)
        client = store.client(tracking.uri)
        tags = {
            **provenance_tags(command),
            "harness.kind": "sweep",
            "harness.sweep": name,
            "harness.variant": variant,
        }
        heading = f"**{title}**\n\n`{command}`"
        with store.locked(tracking.uri, work_dir):  # sweeps started at once share one run
            earlier = next(
                (
                    run
                    for run in _sweeps(client, experiment)
                    if run.data.tags.get("harness.sweep") == name
                    and run.data.tags.get("harness.variant", "") == variant
                ),
                None,
            )
            if earlier is None:
                run_name = " · ".join(filter(None, ("sweep", name, variant)))
                made = client.create_run(experiment, run_name=run_name, tags=tags)
                sweep = cls(tracking, experiment, made.info.run_id, heading, work_dir)
                sweep._describe()
                return sweep
        run_id = earlier.info.run_id
        client.update_run(run_id, status="RUNNING")
        if "harness.failure" in earlier.data.tags:
            client.delete_tag(run_id, "harness.failure")
        for key, value in tags.items():
            client.set_tag(run_id, key, value)
        return cls(tracking, experiment, run_id, heading, work_dir)

    def add(self, paths: Iterable[Path], table: str) -> None:
        """Logs the table's files as artifacts; its numbers become the description.

        Args:
            paths: what the report wrote.
            table: the report in Markdown.
        """
        for path in paths:
            self._client.log_artifact(self.run_id, str(path), "table")
        self._numbers = _first_table(table)
        self._describe()

    def _describe(self) -> None:
        note = f"{self._heading}\n\n{self._numbers}"
        if self._numbers:
            note += "\n\nNotes, plots and the run behind every number: artifacts, `table/`."
        self._client.set_tag(self.run_id, "mlflow.note.content", note)

    def summary(self) -> str:
        """What its experiment's description says: its sweeps, and where their runs are."""
        parts = []
        for run in _sweeps(self._client, self._experiment):
            note = run.data.tags.get("mlflow.note.content", "")
            heading = "\n\n".join(note.split("\n\n")[:2])
            page = f"#/experiments/{self._experiment}/runs/{run.info.run_id}"
            page += "?workflowType=machine_learning"
            parts.append(f"{heading}\n\n[Table, plots and child runs]({page})")
        return "\n\n".join(parts)

    def __enter__(self) -> "SweepRun":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        status = "KILLED" if kind else self.status
        waits = kind is None and self.awaited  # else what ended it is told, not that
        try:
            with nullcontext() if waits else away.patience(0):
                self._client.set_terminated(self.run_id, status)
        except TrackingError:
            self._leave(status)
            if waits:
                raise

    def _leave(self, status: str) -> None:
        """Has the run's end wait with what its cells could not deliver."""
        if self._work_dir is None:
            return
        journal = Journal(Path(self._work_dir, "cells", self.run_id, FOLDER).absolute())
        outbox = Outbox(self._tracking.uri, journal, self.run_id)
        title = self._heading.partition("**\n")[0].strip("*")
        own = {"trained": self.run_id, "cell": self.run_id}
        where = {"experiment": self._tracking.experiment}
        outbox.describe({"name": f"the sweep's run, {title}", **own, **where})
        outbox.put("end", status=status, at=now())
        outbox.keep()


def _sweeps(client: Any, experiment: str) -> list[Any]:
    """The sweeps' runs in an experiment, oldest first."""
    return list(
        client.search_runs(
            [experiment],
            "tags.`harness.kind` = 'sweep'",
            order_by=["attributes.start_time ASC"],
            max_results=1000,
        )
    )


def _first_table(markdown: str) -> str:
    """The first table of a page, without what surrounds it."""
    lines = itertools.dropwhile(lambda line: not line.startswith("|"), markdown.splitlines())
    return "\n".join(itertools.takewhile(lambda line: line.startswith("|"), lines))
