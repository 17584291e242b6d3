"""Tracking: the only room that knows MLflow, for writing (`store`, `cell_run`) and reading."""

import os

# Before MLflow is imported: a harness says nothing of its user's work to anyone.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
