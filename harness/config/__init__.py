"""Configs: the typed schema, composing and validating a cell, and its identity."""

from harness.config.compose import compose, compose_data, options, to_config
from harness.config.folders import shipped
from harness.config.identity import (
    cell_id,
    dense_baseline,
    identity,
    is_control,
    is_dense,
    phase_of,
    trained_id,
)
from harness.config.overrides import expand
from harness.config.schema import Config

__all__ = [
    "Config",
    "cell_id",
    "compose",
    "compose_data",
    "dense_baseline",
    "expand",
    "identity",
    "is_control",
    "is_dense",
    "options",
    "phase_of",
    "shipped",
    "to_config",
    "trained_id",
]
