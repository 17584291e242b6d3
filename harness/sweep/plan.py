"""From a list of configs to cells in the order in which they can run.

Every sparse cell brings its dense baseline along; equal cells are one. Nothing here
imports TensorFlow, so a plan refuses bad input in a second.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from harness import data
from harness.cell.cell import Cell
from harness.config import Config, credentials, dense_baseline
from harness.config.identity import Ids, SeedIds
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
        shared = alike.of(config)
        dense, own = shared.dense_ids.of(config.seed), shared.ids.of(config.seed)
        if dense.cell not in cells:
            of_sparsity = tuple(o for o in overrides if not o.lstrip("+~").startswith("sparsity"))
            if program or any(each.startswith("experiment=") for each in overrides):
                # its config may choose a sparsity itself
                of_sparsity += ("sparsity=dense",)
            baseline = dataclasses.replace(shared.dense, seed=config.seed)
            cells[dense.cell] = _cell(baseline, dense, shared, of_sparsity, program)
        asked.setdefault(own.cell, []).append(config)
        if own.cell not in cells:
            needs = dense.cell if config.training.finetune.start == "dense" else None
            cells[own.cell] = _cell(config, own, shared, overrides, program, dense.cell, needs)
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


def decided(cells: Sequence[Cell], known: "Finished") -> list[Cell]:
    """A plan's cells, each with whether it `trains`: one that does waits for no store to say so.

    Args:
        cells: from `plan`.
        known: what is finished.
    """
    train = {cell.id for cell in training(cells, known)}
    return [dataclasses.replace(cell, trains=cell.id in train) for cell in cells]


def _cell(
    config: Config,
    own: Ids,
    shared: "_Shared",
    overrides: tuple[str, ...],
    program: tuple[str, ...],
    dense: str | None = None,
    needs: str | None = None,
) -> Cell:
    # engines and what they start write them down; from a sweep's file they come as it has them
    public = tuple(credentials.taken_from(overrides))
    return Cell(config, own.cell, own.trained, shared.fingerprint, dense, needs, public, program)


class _Shared(NamedTuple):
    """What configs have in common that differ in their seed alone."""

    kept: Config
    dense: Config
    fingerprint: str
    ids: SeedIds
    dense_ids: SeedIds


class _Alike:
    """What configs share that differ in their seed alone, found out once a plan.

    Such configs have their sections in common (`Sweep.configs`); sections are kept here, so that
    no other one comes to lie where one lay.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], _Shared] = {}
        self._fingerprints: dict[str, str] = {}

    def of(self, config: Config) -> _Shared:
        """Its data set is read once, however many cells share it.

        Raises:
            DataError: it is missing or laid out differently.
        """
        key = tuple(
            id(value) if dataclasses.is_dataclass(value) else value
            for name, value in vars(config).items()
            if name != "seed"
        )
        if key not in self._kept:
            fingerprint, dense = self._fingerprint(config.dataset), dense_baseline(config)
            ids = [SeedIds(each, fingerprint) for each in (config, dense)]
            self._kept[key] = _Shared(config, dense, fingerprint, *ids)
        return self._kept[key]

    def _fingerprint(self, dataset: DatasetOptions) -> str:
        key = repr(dataset)
        if key not in self._fingerprints:
            data.require(dataset)
            self._fingerprints[key] = data.fingerprint(dataset)
        return self._fingerprints[key]
