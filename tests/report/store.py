"""Writes small MLflow stores the way a sweep writes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from harness.config.identity import FORMAT

PARAMS = {"model.name": "mnist_cnn", "dataset.name": "mnist", "sparsity.target": "None"}
TAGS = {
    "harness.kind": "cell",
    "harness.complete": "true",
    "harness.scale": "small",
    "harness.data": "MNIST, 5,000 digits",
    "harness.data_fingerprint": "f" * 64,
    "harness.git_commit": "c" * 40,
    "harness.git_dirty": "false",
    "harness.format": str(FORMAT),
}
DENSE_METRICS = {
    "sparsity/prunable": 0.0,
    "sparsity/all": 0.0,
    "params/prunable": 3_273_504,
    "params/total": 3_274_762,
    "params/nonzero": 3_274_634,
    "size/tflite_bytes": 13_103_572,
    "size/tflite_gzip_bytes": 12_164_301,
    "time/train_seconds": 41.5,
}


def label(sparsity: str, target: float | None) -> str:
    """The sparsity in words, as a cell's run has it among its parameters."""
    named = {"structured_2x4": "2 by 4", "block_1x4": "block 1 by 4"}.get(sparsity, sparsity)
    return named if target is None else f"{named} {100 * target:g}%"


class Store:
    """One experiment of a store, and how to add a run to it."""

    def __init__(self, uri: str, experiment: str, artifacts: Path | None = None) -> None:
        self.uri, self.experiment = uri, experiment
        self.client = MlflowClient(tracking_uri=uri)
        found = self.client.get_experiment_by_name(experiment)
        self.id = (
            found.experiment_id
            if found
            else self.client.create_experiment(
                experiment, artifact_location=artifacts.as_uri() if artifacts else None
            )
        )
        self._clock = 1_700_000_000_000

    def cell(
        self,
        sparsity: str = "dense",
        target: float | None = None,
        seed: int = 1,
        accuracy: float | None = 0.98,
        *,
        status: str | None = "FINISHED",
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str | None] | None = None,
        metrics: Mapping[str, float] | None = None,
        without: Sequence[str] = (),
    ) -> str:
        """Adds a cell's run, later than those before it; returns its id."""
        self._clock += 1000
        all_params = {
            **PARAMS,
            "sparsity.label": label(sparsity, target),
            "sparsity.target": str(target),
            "seed": str(seed),
            **(params or {}),
        }
        cell_id = "-".join(f"{k}={v}" for k, v in sorted(all_params.items()))
        all_tags = {**TAGS, "harness.cell_id": cell_id, **(tags or {})}
        run_id = self.client.create_run(self.id, start_time=self._clock).info.run_id
        values = {**DENSE_METRICS, **(metrics or {})}
        values = {key: value for key, value in values.items() if key not in without}
        if accuracy is not None:
            values["test/accuracy"] = accuracy
        self.client.log_batch(
            run_id,
            metrics=[Metric(key, float(value), self._clock, 0) for key, value in values.items()],
            params=[Param(key, str(value)) for key, value in all_params.items()],
            tags=[RunTag(key, tag) for key, tag in all_tags.items() if tag is not None],
        )
        if status is not None:
            self.client.set_terminated(run_id, status, end_time=self._clock + 500)
        return run_id

    def sparse(
        self, sparsity: str, target: float | None, seed: int, accuracy: float, dense: str
    ) -> str:
        """Adds a finished sparse cell that started from a dense run."""
        reached = 0.5 if target is None else target
        return self.cell(
            sparsity,
            target,
            seed,
            accuracy,
            tags={"harness.dense_run_id": dense},
            metrics={
                "sparsity/prunable": reached,
                "sparsity/all": reached * 0.9996,
                "params/nonzero": round(3_274_634 - reached * 3_273_504),
                "size/tflite_gzip_bytes": round(12_164_301 * (1.08 - reached)),
            },
        )
