"""The parent run of a sweep: its cells hang below it in the UI, its table is its artifact."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.config.schema import TrackingConfig
from harness.tracking import store
from harness.tracking.provenance import tags as provenance_tags


class SweepRun:
    """A sweep's run, taken up again whenever the sweep is; a context manager that closes it."""

    def __init__(self, client: Any, run_id: str):
        self._client = client
        self.run_id = run_id
        #: How the run is closed: FAILED if one of its cells was not done.
        self.status = "FINISHED"

    @classmethod
    def begin(cls, tracking: TrackingConfig, name: str, title: str, command: str) -> "SweepRun":
        """Finds or makes the sweep's run in its experiment.

        Args:
            tracking: the store and the experiment.
            name: the sweep's; there is one run of it in an experiment.
            title: its table's heading.
            command: what started it.
        """
        client = store.client(tracking.uri)
        experiment = store.open_experiment(tracking.uri, tracking.experiment)
        tags = {
            **provenance_tags(),
            "harness.kind": "sweep",
            "harness.sweep": name,
            "harness.command": command,
            "mlflow.note.content": f"**{title}**\n\n`{command}`",
        }
        with store.locked(tracking.uri):  # sweeps started at once share one run
            found = client.search_runs(
                [experiment],
                f"tags.`harness.kind` = 'sweep' and tags.`harness.sweep` = '{name}'",
                order_by=["attributes.start_time ASC"],
                max_results=1,
            )
            if not found:
                made = client.create_run(experiment, run_name=name, tags=tags)
                return cls(client, made.info.run_id)
        run_id = found[0].info.run_id
        client.update_run(run_id, status="RUNNING")
        for key, value in tags.items():
            client.set_tag(run_id, key, value)
        return cls(client, run_id)

    def add(self, paths: Iterable[Path], table: str) -> None:
        """Logs the table's files as artifacts, and the table itself as the description."""
        for path in paths:
            self._client.log_artifact(self.run_id, str(path), "table")
        if table:
            self._client.set_tag(self.run_id, "mlflow.note.content", table)

    def log(self, metrics: Mapping[str, float]) -> None:
        """Logs metrics of the whole sweep."""
        for key, value in metrics.items():
            self._client.log_metric(self.run_id, key, value)

    def __enter__(self) -> "SweepRun":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.set_terminated(self.run_id, self.status if kind is None else "KILLED")
