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
from harness.tracking.dense import dense_run
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


def keep(cell: Cell, model: Any) -> bool:
    """Leaves a dense baseline's model for sparse cells that start before its files are all written.

    Args:
        cell: a dense one.
        model: trained.

    Returns:
        Whether it is there; not so on a full disk, and then they wait for its run.
    """
    from harness.models.layers.plain import plain

    path = trained_file(cell)
    partial = path.with_name(f"partial-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        plain(model).save(partial)
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        return False
    return True


@contextmanager
def dense_model(cell: Cell) -> Iterator[Path]:
    """The model of a cell's dense baseline: of its finished run, or on its way there.

    The run's comes first: what lies in the work folder may be of another machine's baseline, or of
    an attempt that was killed, whose numbers are another processor's.
    """
    tracking = cell.config.tracking
    dense = trained_id(dense_baseline(cell.config), cell.fingerprint)
    finished = None
    with suppress(away.AwayError), away.patience(0):
        finished = cell_run.find_trained(tracking, dense)
    with TemporaryDirectory() as folder:
        path = None if finished else _under_way(cell, folder)
        if path is not None:
            yield path
            return
    finished = finished or cell_run.require_trained(tracking, dense)
    with cell_run.fetched(tracking.uri, finished, MODEL_FILE) as path:
        yield path


def _under_way(cell: Cell, folder: str) -> Path | None:
    """A copy of what is not in the store yet; looked for in the order in which it gets there."""
    waiting = journal_of(cell, cell.needs)
    for find in (
        lambda: trained_file(cell, cell.needs),
        lambda: waiting.find(packaging.FOLDER, packaging.KERAS_FILE),
    ):
        with suppress(FileNotFoundError):
            if kept := find():
                return Path(shutil.copy(kept, folder))
    return None


def baseline_run(cell: Cell, run: cell_run.CellRun) -> str | None:
    """The run of a cell's dense baseline; None for a dense one, or if the store is away now."""
    tracking = cell.config.tracking
    if cell.dense is None:
        return None
    with suppress(away.AwayError), away.patience(0):
        named = None if run.is_pending else dense_run(tracking.uri, run.run_id)
        return named or cell_run.find_begun(tracking, cell.dense)
    return None


def baseline_tag(cell: Cell, run: cell_run.CellRun) -> dict[str, str]:
    """What a sparse run names its dense one by, as it must if it began before that was made."""
    # what waits for its store is tagged on the way there
    found = None if run.is_pending else baseline_run(cell, run)
    return {} if found is None else {"harness.dense_run_id": found}
