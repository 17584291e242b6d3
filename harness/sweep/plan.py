"""From a list of configs to cells in the order in which they can run.

Every sparse cell brings its dense baseline along; equal cells are one. Nothing here
imports TensorFlow, so a plan refuses bad input in a second.
"""

from collections.abc import Iterable

from harness import data
from harness.cell.cell import Cell
from harness.config import Config, cell_id, dense_baseline, is_dense
from harness.config.schema import DatasetConfig
from harness.sweep.idle import refuse_idle


def plan(
    configs: Iterable[tuple[Config, tuple[str, ...]]], program: tuple[str, ...] = ()
) -> list[Cell]:
    """The cells to run for these configs, dense baselines first, each once.

    Args:
        configs: validated configs, each with the overrides that composed it.
        program: what takes the overrides, if not `harness run`.

    Raises:
        ConfigError: several values of what decides no cell, as of the experiment.
        DataError: a data set that is missing or laid out differently.
    """
    configs = list(configs)
    cells: dict[str, Cell] = {}
    asked: dict[str, list[Config]] = {}
    fingerprints: dict[str, str] = {}
    for config, overrides in configs:
        fingerprint = _fingerprint(config.dataset, fingerprints)
        dense_config = dense_baseline(config)
        dense_id = cell_id(dense_config, fingerprint)
        dense_overrides = tuple(o for o in overrides if not o.lstrip("+~").startswith("sparsity"))
        if program:  # its config may choose a sparsity itself
            dense_overrides += ("sparsity=dense",)
        dense = Cell(dense_config, dense_id, fingerprint, None, None, dense_overrides, program)
        cells.setdefault(dense_id, dense)
        sparse_id = cell_id(config, fingerprint)
        asked.setdefault(sparse_id, []).append(config)
        if not is_dense(config):
            needs = dense_id if config.training.finetune.start == "dense" else None
            sparse = Cell(config, sparse_id, fingerprint, dense_id, needs, overrides, program)
            cells.setdefault(sparse_id, sparse)
    refuse_idle([config for config, _ in configs], asked.values())
    return sorted(cells.values(), key=lambda cell: cell.dense is not None)


def _fingerprint(dataset: DatasetConfig, known: dict[str, str]) -> str:
    """Reads a data set once a plan, however many cells share it."""
    key = repr(dataset)
    if key not in known:
        data.check(dataset)
        known[key] = data.fingerprint(dataset)
    return known[key]
