"""From a list of configs to cells in the order in which they can run.

Every sparse cell brings its dense baseline along; equal cells are one. Nothing here
imports TensorFlow, so a plan refuses bad input in a second.
"""

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from harness import data
from harness.cell.cell import Cell
from harness.config import Config, credentials, dense_baseline, is_dense
from harness.config.identity import Ids
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
    alike = _Alike()
    for config, overrides in configs:
        dense_config = alike.dense_baseline(config)
        of_sparsity = tuple(o for o in overrides if not o.lstrip("+~").startswith("sparsity"))
        if program or any(each.startswith("experiment=") for each in overrides):
            # its config may choose a sparsity itself
            of_sparsity += ("sparsity=dense",)
        dense = _cell(dense_config, alike, of_sparsity, program)
        cells.setdefault(dense.id, dense)
        asked.setdefault(alike.ids(config)[1], []).append(config)
        if not is_dense(config):
            needs = dense.id if config.training.finetune.start == "dense" else None
            sparse = _cell(config, alike, overrides, program, dense.id, needs)
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
    alike: "_Alike",
    overrides: tuple[str, ...],
    program: tuple[str, ...],
    dense: str | None = None,
    needs: str | None = None,
) -> Cell:
    trained, cell = alike.ids(config)
    fingerprint = alike.fingerprint(config)
    # engines and what they start write them down; from a sweep's file they come as it has them
    public = tuple(credentials.taken_from(overrides))
    return Cell(config, cell, trained, fingerprint, dense, needs, public, program)


class _Alike:
    """What configs share that differ in their seed alone, found out once a plan.

    Such configs have their sections in common (`Sweep.configs`); sections are kept here, so that
    no other one comes to lie where one lay.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], tuple[Config, Config, str, Ids]] = {}
        self._fingerprints: dict[str, str] = {}

    def fingerprint(self, config: Config) -> str:
        """Of its data set, which is read once, however many cells share it.

        Raises:
            DataError: it is missing or laid out differently.
        """
        return self._of(config)[2]

    def dense_baseline(self, config: Config) -> Config:
        """As `harness.config.dense_baseline`."""
        return dataclasses.replace(self._of(config)[1], seed=config.seed)

    def ids(self, config: Config) -> tuple[str, str]:
        """Trained id and cell id."""
        return self._of(config)[3].of(config.seed)

    def _of(self, config: Config) -> tuple[Config, Config, str, Ids]:
        key = tuple(
            id(value) if dataclasses.is_dataclass(value) else value
            for name, value in vars(config).items()
            if name != "seed"
        )
        if key not in self._kept:
            fingerprint = self._fingerprint(config.dataset)
            shared = config, dense_baseline(config), fingerprint, Ids(config, fingerprint)
            self._kept[key] = shared
        return self._kept[key]

    def _fingerprint(self, dataset: DatasetOptions) -> str:
        key = repr(dataset)
        if key not in self._fingerprints:
            data.require(dataset)
            self._fingerprints[key] = data.fingerprint(dataset)
        return self._fingerprints[key]
