"""Timing on a busy machine: everything in turns, compared within the same round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

Block = Callable[[], list[float]]


def interleave(blocks: dict[str, Block], rounds: int) -> dict[str, list[float]]:
    """Runs all blocks in turns.

    Args:
        blocks: each returns the seconds of some steps.
        rounds: how many turns.

    Returns:
        For each block, its median step in each round, seconds.
    """
    medians: dict[str, list[float]] = {name: [] for name in blocks}
    names = list(blocks)
    for turn in range(rounds):
        # Rotating the order keeps a periodic disturbance from always meeting the same block.
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            medians[name].append(statistics.median(blocks[name]()))
    return medians


def steps(
    step: Callable[[], object], count: int, clock: Callable[[], float] = time.perf_counter
) -> Block:
    """A block that times `count` calls of `step`.

    Args:
        step: what is timed.
        count: how many calls of it.
        clock: seconds; `time.process_time` for the processor's, of all threads.
    """

    def block() -> list[float]:
        times = []
        for _ in range(count):
            begin = clock()
            step()
            times.append(clock() - begin)
        return times

    return block


def mean(step: Callable[[], object], count: int, clock: Callable[[], float]) -> Block:
    """A block of one time: the mean of `count` calls of a `step` whose calls are not alike.

    Args:
        step: as `steps`.
        count: as `steps`.
        clock: as `steps`.
    """

    def block() -> list[float]:
        begin = clock()
        for _ in range(count):
            step()
        return [(clock() - begin) / count]

    return block


def ratio(times: dict[str, list[float]], name: str, base: str) -> float:
    """Median over rounds of one block's step over another's in the same round."""
    return statistics.median(a / b for a, b in zip(times[name], times[base], strict=True))
