"""Looks at a store's runs and their files, without TensorFlow."""

import io
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from mlflow import MlflowClient

from harness.tracking.beside import sqlite_path
from harness.tracking.moved import move


@dataclass(frozen=True)
class Run:
    """A run with everything that was logged to it."""

    id: str
    status: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    client: Any

    def history(self, metric: str) -> list[tuple[int, float]]:
        """All values logged: (step, value), in the order of steps."""
        points = self.client.get_metric_history(self.id, metric)
        return sorted((point.step, point.value) for point in points)

    def files(self, folder: str | None = None) -> set[str]:
        """The paths of all artifacts."""
        found = set()
        for entry in self.client.list_artifacts(self.id, folder):
            found |= self.files(entry.path) if entry.is_dir else {entry.path}
        return found

    def path(self, name: str) -> Path:
        """A local copy of an artifact."""
        return Path(self.client.download_artifacts(self.id, name))

    def weights(self) -> dict[str, np.ndarray]:
        """The variables of the model that was kept, by their place in it."""
        with zipfile.ZipFile(self.path("model/model.keras")) as archive:
            content = io.BytesIO(archive.read("model.weights.h5"))
        arrays: dict[str, np.ndarray] = {}

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                arrays[name] = np.asarray(item)

        with closing(h5py.File(content)) as file:
            file.visititems(visit)
        return arrays


def runs(uri: str, kind: str = "cell") -> list[Run]:
    """All runs of a kind in a store, oldest first."""
    client = MlflowClient(tracking_uri=uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(
        experiments, f"tags.`harness.kind` = '{kind}'", order_by=["attributes.start_time ASC"]
    )
    return [
        Run(
            run.info.run_id,
            run.info.status,
            run.data.tags,
            run.data.params,
            run.data.metrics,
            client,
        )
        for run in found
    ]


@contextmanager
def locked(uri: str) -> Iterator[None]:
    """An SQLite store as it is while another process is in the middle of a long write."""
    database = sqlite_path(uri)
    assert database is not None
    db = sqlite3.connect(database, timeout=60, isolation_level=None, check_same_thread=False)
    db.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        db.execute("ROLLBACK")
        db.close()


def copied(folder: Path, to: Path) -> Path:
    """A copy of a folder with a store, which has artifacts of its own."""
    shutil.copytree(folder, to)
    move(f"sqlite:///{to / 'mlflow.db'}")
    return to


def by_sparsity(uri: str) -> dict[str, Run]:
    """A store's cells by their sparsity's preset; each must be there once."""
    found = runs(uri)
    named = {run.tags["harness.config.sparsity.name"]: run for run in found}
    assert len(named) == len(found), [run.tags["mlflow.runName"] for run in found]
    return named


def assert_same_weights(some: Run, others: Run) -> None:
    """Two runs ended with the same bits."""
    weights, theirs = some.weights(), others.weights()
    assert weights.keys() == theirs.keys()
    assert len(weights) >= 8
    for name, values in weights.items():
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def assert_same_numbers(some: Run, others: Run) -> None:
    """Two runs logged the same metrics, step by step; times aside, of which a file holds one."""
    timed = ("time/", "size/keras")
    keys = {key for key in some.metrics if not key.startswith(timed)}
    assert keys == {key for key in others.metrics if not key.startswith(timed)}
    for key in keys:
        assert dict(some.history(key)) == dict(others.history(key)), key
