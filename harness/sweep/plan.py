"""From a list of configs to cells in the order in which they can run.

Every sparse cell brings its dense baseline along; equal cells are one. Nothing here
imports TensorFlow, so a plan refuses bad input in a second.
"""

from collections.abc import Iterable

from harness import data
from harness.cell.cell import Cell
from harness.config import Config, cell_id, dense_baseline, is_dense, trained_id
from harness.data.base import DatasetOptions


def plan(configs: Iterable[tuple[Config, tuple[str, ...]]]) -> list[Cell]:
    """The cells to run for these configs, dense baselines first, each once.

    Args:
        configs: validated configs, each with the overrides that composed it.

    Raises:
        DataError: a data set that is missing or laid out differently.
    """
    cells: dict[str, Cell] = {}
    fingerprints: dict[str, str] = {}
    for config, overrides in configs:
        fingerprint = _fingerprint(config.dataset, fingerprints)
        dense_config = dense_baseline(config)
        of_sparsity = tuple(o for o in overrides if not o.lstrip("+~").startswith("sparsity"))
        dense = _cell(dense_config, fingerprint, of_sparsity)
        cells.setdefault(dense.id, dense)
        if not is_dense(config):
            needs = dense.id if config.training.finetune.start == "dense" else None
            sparse = _cell(config, fingerprint, overrides, dense.id, needs)
            cells.setdefault(sparse.id, sparse)
    return sorted(cells.values(), key=lambda cell: cell.dense is not None)


def _cell(
    config: Config,
    fingerprint: str,
    overrides: tuple[str, ...],
    dense: str | None = None,
    needs: str | None = None,
) -> Cell:
    ids = cell_id(config, fingerprint), trained_id(config, fingerprint)
    return Cell(config, *ids, fingerprint, dense, needs, overrides)


def _fingerprint(dataset: DatasetOptions, known: dict[str, str]) -> str:
    """Reads a data set once a plan, however many cells share it."""
    key = repr(dataset)
    if key not in known:
        data.require(dataset)
        known[key] = data.fingerprint(dataset)
    return known[key]
