"""The lock of a cell's weights: of all who want them, one trains, and the others wait for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import Timeout

from harness.cell.cell import Cell
from harness.cell.job import Busy
from harness.tracking import beside
from harness.training.strategy import is_chief

#: Seconds in which a lock that somebody only looks at is free again.
_MOMENT = 0.5


@contextmanager
def held(cell: Cell, timeout: float = _MOMENT) -> Iterator[None]:
    """Holds the lock of the cell's weights within the block: cells that share them train once.

    Args:
        cell: whose weights.
        timeout: seconds to wait for it.

    Raises:
        Busy: another process holds it.
    """
    where = (cell.config.tracking.uri, cell.config.work_dir)
    try:
        lock = beside.cell_lock(*where, cell.trained, timeout).acquire()
    except Timeout:
        raise Busy from None
    with lock:
        yield


def is_held(cell: Cell) -> bool:
    """Whether somebody has the cell's weights under way at this moment.

    A worker that is not the chief goes along with the chief, who has them.
    """
    if not is_chief(cell.config.strategy):
        return False
    try:
        with held(cell, timeout=0):
            return False
    except Busy:
        return True
