"""The plots of several tables, drawn by processes while other tables are being computed."""

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from harness.errors import ReportError
from harness.plots import PRELOAD
from harness.plots.figure import render
from harness.report.plots import drawings, histories_drawn
from harness.report.tables import Table
from harness.system.cores import usable
from harness.system.forks import as_others, forking
from harness.tracking.runs import Uri

_Begun = Iterable[Future[dict[str, bytes]]]


@contextmanager
def drawing(tables: int) -> Iterator[Executor]:
    """What draws plots: a process a core; a thread where these are not worth their start.

    Args:
        tables: Of so many the plots are to be drawn.
    """
    workers = min(len(usable()), tables)
    pool: Executor = ThreadPoolExecutor(1)  # one, as Matplotlib's style is of the whole process
    if workers > 1:
        # after this process, which has the longest of the work to do by itself
        pool = ProcessPoolExecutor(workers, forking(PRELOAD), initializer=as_others, initargs=(5,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def begin_plots(table: Table, uri: Uri, kinds: Collection[str], pool: Executor) -> _Begun:
    """Has all plots of a table drawn, as `plots.draw_plots` does; each is a task of its own.

    Args:
        table: The table.
        uri: Where its runs' histories are.
        kinds: The formats, of PNG and SVG.
        pool: From `drawing`.

    Raises:
        TrackingError: The histories cannot be read.
        ReportError: As `finished`.
    """
    each = drawings(table, histories_drawn(table, uri))
    with _told():
        return [pool.submit(render, *figure, kinds) for figure in each]


def finished(begun: _Begun) -> dict[str, bytes]:
    """Waits for plots: file name -> content.

    Raises:
        ReportError: A process that drew them is gone.
    """
    with _told():
        return {name: content for each in begun for name, content in each.result().items()}


@contextmanager
def _told() -> Iterator[None]:
    """Says in a line that a process is gone."""
    try:
        yield
    except BrokenProcessPool:
        raise ReportError(
            "a process that drew plots was ended from outside, perhaps as memory ran out; "
            "--no-plots writes tables alone"
        ) from None
