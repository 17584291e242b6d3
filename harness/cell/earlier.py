"""What a cell takes from earlier ones: their weights, in their runs or waiting to get there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.cell.cell import Cell, work_path
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


@contextmanager
def dense_model(cell: Cell) -> Iterator[Path]:
    """The model of a cell's dense baseline, which may itself wait for the store to take it."""
    config = cell.config
    kept = journal_of(cell, cell.needs).find(packaging.FOLDER, packaging.KERAS_FILE)
    with TemporaryDirectory() as folder:
        path = None
        with suppress(FileNotFoundError):  # another process has just delivered it
            path = kept and Path(shutil.copy(kept, folder))
        if path is not None:
            yield path
            return
    dense = trained_id(dense_baseline(config), cell.fingerprint)
    baseline = cell_run.require_trained(config.tracking, dense)
    with cell_run.fetched(config.tracking.uri, baseline, MODEL_FILE) as path:
        yield path
