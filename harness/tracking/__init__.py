"""Tracking: the only room that knows MLflow, for writing (`store`, `cell_run`) and reading."""

import os

# Before MLflow is imported: a harness says nothing of its user's work to anyone.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # of each run closed
# MLflow tries a server again for seven minutes and says nothing; `away` tries, and says so. Files
# have longer there.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "12")
os.environ.setdefault("PGCONNECT_TIMEOUT", "10")  # PostgreSQL's driver would wait for minutes
