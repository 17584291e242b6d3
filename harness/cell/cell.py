"""A cell as planned: what it is, its ids, and every path that belongs to it."""

import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.config import Config
from harness.config.credentials import hidden
from harness.config.folders import command
from harness.config.label import run_name
from harness.tracking import beside


@dataclass(frozen=True)
class Cell:
    """A planned cell.

    Attributes:
        config: what it is.
        id: its cell id, 64 hex digits.
        trained: its trained id: cells of the same weights, measured in other ways, share it.
        fingerprint: of its data.
        dense: the cell id of its dense baseline; None for a dense cell.
        needs: the cell id that must be finished first; None if there is none.
        overrides: what was asked for, to say how to run it again.
        program: what takes these overrides, if not `harness run`.
        rehearsal: whether a handful of examples will do to evaluate it on.
        trains: whether no finished run had its weights when it was planned.
    """

    config: Config
    id: str
    trained: str
    fingerprint: str
    dense: str | None
    needs: str | None
    overrides: tuple[str, ...] = ()
    program: tuple[str, ...] = ()
    rehearsal: bool = False
    trains: bool = False

    @cached_property  # it composes presets; the cell's process is given what the sweep has found
    def name(self) -> str:
        """The run's name, e.g. `mnist_cnn · random 75% · seed 2`."""
        return run_name(self.config, self.overrides)

    @property
    def command(self) -> str:
        """What runs this cell, and only it, again."""
        if self.program:
            return hidden(shlex.join([*self.program, *self.overrides]))
        return command("run", *self.overrides)


def work_path(cell: Cell, of: str | None = None) -> Path:
    """The folder of an unfinished cell: its checkpoint, and what waits for its store.

    Each experiment of each store has its own: its run holds the metrics that came before the
    checkpoint, and its lock guards the folder: only who holds it writes there.

    Args:
        cell: whose folder.
        of: the id of another cell of the same experiment, such as its dense baseline.
    """
    tracking = cell.config.tracking
    ending = beside.ending(tracking.uri, tracking.experiment)
    return Path(cell.config.work_dir, "cells", f"{(of or cell.id)[:16]}-{ending}").absolute()


def checkpoint_file(cell: Cell) -> Path:
    """Where training is taken up again."""
    return work_path(cell) / "checkpoint.npz"


def trained_file(cell: Cell, of: str | None = None) -> Path:
    """The model of a dense baseline that is trained, until its run has it.

    Args:
        cell: whose model.
        of: as for `work_path`.
    """
    return work_path(cell, of) / "trained.keras"


def log_path(cell: Cell) -> Path:
    """The file that takes the output of the cell's processes, of those that wait for it too."""
    return log_of(work_path(cell))


def log_of(folder: Path) -> Path:
    """As `log_path`, of the cell that has this folder."""
    return folder.parents[1] / "logs" / f"{folder.name}.txt"
