"""From a list of configs to cells in the order in which they can run.

Every sparse cell brings its dense baseline along; equal cells are one. Nothing here
imports TensorFlow, so a plan refuses bad input in a second.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from harness import data
from harness.cell.cell import Cell
from harness.config import Config, cell_id, dense_baseline, is_dense, trained_id
from harness.data.base import DatasetOptions
from harness.sweep.idle import refuse_idle

if TYPE_CHECKING:
    from harness.tracking.runs import Finished


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
        of_sparsity = tuple(o for o in overrides if not o.lstrip("+~").startswith("sparsity"))
        if program or any(each.startswith("experiment=") for each in overrides):
            # its config may choose a sparsity itself
            of_sparsity += ("sparsity=dense",)
        dense = _cell(dense_config, fingerprint, of_sparsity, program)
        cells.setdefault(dense.id, dense)
        asked.setdefault(cell_id(config, fingerprint), []).append(config)
        if not is_dense(config):
            needs = dense.id if config.training.finetune.start == "dense" else None
            sparse = _cell(config, fingerprint, overrides, program, dense.id, needs)
            cells.setdefault(sparse.id, sparse)
    refuse_idle([config for config, _ in configs], asked.values())
    return sorted(cells.values(), key=lambda cell: cell.dense is not None)


def training(cells: Iterable[Cell], known: "Finished") -> list[Cell]:
    """Those of a plan's cells that train: what is finished, or has weights that are, does not.

    Of cells that share their weights, the first one trains, and the others are measured anew.

    Args:
        cells: from `plan`.
        known: what is finished.
    """
    first: dict[str, Cell] = {}
    for cell in cells:
        if cell.id not in known.cells and cell.trained not in known.trained:
            first.setdefault(cell.trained, cell)
    return list(first.values())


def _cell(
    config: Config,
    fingerprint: str,
    overrides: tuple[str, ...],
    program: tuple[str, ...],
    dense: str | None = None,
    needs: str | None = None,
) -> Cell:
    ids = cell_id(config, fingerprint), trained_id(config, fingerprint)
    return Cell(config, *ids, fingerprint, dense, needs, overrides, program)


def _fingerprint(dataset: DatasetOptions, known: dict[str, str]) -> str:
    """Reads a data set once a plan, however many cells share it."""
    key = repr(dataset)
    if key not in known:
        data.require(dataset)
        known[key] = data.fingerprint(dataset)
    return known[key]
