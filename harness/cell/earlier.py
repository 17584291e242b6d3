"""What a cell takes from earlier ones: their weights, in their runs or on the way there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.cell.cell import Cell, trained_file, work_path
from harness.config import dense_baseline, trained_id
from harness.tracking import away, cell_run, journal, packaging
from harness.tracking.journal import Journal

#: The model as its run keeps it: what the sparse cells of a dense baseline start from.
MODEL_FILE = f"{packaging.FOLDER}/{packaging.KERAS_FILE}"


def journal_of(cell: Cell, of: str | None = None) -> Journal:
    """What waits for the store, of a cell or of another one of its experiment."""
    return Journal(work_path(cell, of) / journal.FOLDER)


def find_trained(cell: Cell) -> str | None:
    """A finished run that has the cell's weights.

    A store that is away is not waited for to tell it, where nobody had them at planning.
    """
    if not cell.trains:
        return cell_run.find_trained(cell.config.tracking, cell.trained)
    with suppress(away.AwayError), away.patience(0):
        return cell_run.find_trained(cell.config.tracking, cell.trained)
    return None


def keep(cell: Cell, model: Any) -> None:
    """Leaves a dense baseline's model for sparse cells that start before its files are all written.

    Args:
        cell: a dense one.
        model: trained.
    """
    from harness.models.layers.plain import plain

    path = trained_file(cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"partial-{path.name}")
    plain(model).save(partial)
    partial.replace(path)


@contextmanager
def dense_model(cell: Cell) -> Iterator[Path]:
    """The model of a cell's dense baseline, which may itself wait for the store to take it."""
    config = cell.config
    waiting = journal_of(cell, cell.needs).find(packaging.FOLDER, packaging.KERAS_FILE)
    with TemporaryDirectory() as folder:
        for kept in (waiting, trained_file(cell, cell.needs)):
            path = None
            with suppress(
                FileNotFoundError
            ):  # another process has just delivered it, or none is there
                path = kept and Path(shutil.copy(kept, folder))
            if path is not None:
                yield path
                return
    dense = trained_id(dense_baseline(config), cell.fingerprint)
    baseline = cell_run.require_trained(config.tracking, dense)
    with cell_run.fetched(config.tracking.uri, baseline, MODEL_FILE) as path:
        yield path
