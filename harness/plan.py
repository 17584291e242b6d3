"""From a list of configs to cells in the order in which they can run.

Every sparse cell brings its dense baseline along; equal cells are one. Nothing here
imports TensorFlow, so a plan refuses bad input in a second.
"""

import hashlib
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness import data
from harness.config import Config, cell_id, dense_baseline, is_dense
from harness.config.schema import DatasetConfig
from harness.tracking import store
from harness.tracking.labels import run_name


@dataclass(frozen=True)
class Cell:
    """A planned cell.

    Attributes:
        config: what it is.
        id: its cell id, 64 hex digits.
        fingerprint: of its data.
        dense: the cell id of its dense baseline; None for a dense cell.
        needs: the cell id that must be finished first; None if there is none.
        overrides: what was asked for, to say how to run it again.
    """

    config: Config
    id: str
    fingerprint: str
    dense: str | None
    needs: str | None
    overrides: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The run's name, e.g. `mnist_cnn · random 75% · seed 2`."""
        return run_name(self.config)

    @property
    def command(self) -> str:
        """What runs this cell, and only it, again."""
        return shlex.join(["harness", "run", *self.overrides])


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
        dense_id = cell_id(dense_config, fingerprint)
        dense_overrides = tuple(o for o in overrides if not o.lstrip("+~").startswith("sparsity"))
        dense = Cell(dense_config, dense_id, fingerprint, None, None, dense_overrides)
        cells.setdefault(dense_id, dense)
        if not is_dense(config):
            sparse_id = cell_id(config, fingerprint)
            needs = dense_id if config.training.finetune.start == "dense" else None
            cells.setdefault(
                sparse_id, Cell(config, sparse_id, fingerprint, dense_id, needs, overrides)
            )
    return sorted(cells.values(), key=lambda cell: cell.dense is not None)


def work_path(cell: Cell) -> Path:
    """The folder of an unfinished cell: its checkpoint and its log.

    Each experiment of each store has its own: its run holds the metrics that came before the
    checkpoint, and its lock guards the folder.
    """
    tracking = cell.config.tracking
    place = f"{store.sqlite_path(tracking.uri) or tracking.uri} {tracking.experiment}"
    suffix = hashlib.sha256(place.encode()).hexdigest()[:8]
    return Path(cell.config.work_dir, "cells", f"{cell.id[:16]}-{suffix}").absolute()


def _fingerprint(dataset: DatasetConfig, known: dict[str, str]) -> str:
    """Reads a data set once a plan, however many cells share it."""
    key = repr(dataset)
    if key not in known:
        data.check(dataset)
        known[key] = data.fingerprint(dataset)
    return known[key]
