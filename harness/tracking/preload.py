"""What of MLflow a cell's process needs, for the fork server to import once."""

import mlflow
import mlflow.store.tracking.sqlalchemy_store

__all__ = ["mlflow"]
