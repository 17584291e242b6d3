"""A process that draws: imported once for all, by the server that forks them."""

import gc
import os

from harness.plots import layers, quality, schedule, trade

#: What draws, and is to be imported by then.
KINDS = (layers, quality, schedule, trade)


def begin() -> None:
    """Sets a process up."""
    os.nice(5)  # the one that computes tables has the longest of the work to do by itself
    gc.freeze()
    # a figure is of some hundred thousand objects: those are looked through once or twice, not at
    # every seven hundredth
    gc.set_threshold(100_000)
