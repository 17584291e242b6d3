"""Plots drawn by processes, while tables are being computed."""

import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress

import pytest

from harness.errors import ReportError
from harness.report import drawing
from harness.report.plots import draw_plots

KINDS = ("png", "svg")


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(drawing, "usable", lambda: [0, 1])


@pytest.mark.parametrize("tables", [1, 2])
def test_what_processes_draw_is_what_this_one_draws(nasty, stores, tables, two_cores):
    with drawing.drawing(tables) as pool:
        assert isinstance(pool, ProcessPoolExecutor) == (tables > 1)
        drawn = drawing.finished(drawing.begin_plots(nasty, stores["uri"], KINDS, pool))
    assert drawn == draw_plots(nasty, kinds=KINDS)
    assert len(drawn) > 3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_gone_is_told_in_a_line(nasty, stores, two_cores, number):
    with drawing.drawing(2) as pool:
        for _ in range(2):
            pool.submit(signal.pause)  # plots wait behind these
        begun = drawing.begin_plots(nasty, stores["uri"], KINDS, pool)
        workers = list(pool._processes.values())
        while any(each.is_alive() for each in workers):  # one that has just begun ignores some
            for each in workers:
                with suppress(ProcessLookupError):
                    os.kill(each.pid, number)
            time.sleep(0.05)
        for _ in range(2):  # and so is another table's, that comes later
            with pytest.raises(ReportError, match="--no-plots"):
                drawing.finished(begun)
            with pytest.raises(ReportError, match="--no-plots"):
                drawing.begin_plots(nasty, stores["uri"], KINDS, pool)
