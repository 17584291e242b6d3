"""Tracking: the only room that knows MLflow, for writing (`store`, `cell_run`) and reading."""
