"""How long a plan takes on so many workers, played through without running anything."""

import heapq
from collections.abc import Mapping, Sequence

from harness.cell.cell import Cell


def makespan(cells: Sequence[Cell], seconds: Mapping[str, float], workers: int) -> float:
    """Seconds from the first cell's start to the last one's end.

    Every worker takes the next cell of the plan that may start, as `harness.sweep.execute` does:
    one whose dense baseline is finished.

    Args:
        cells: in the plan's order; a cell that waits for one that is not among them may start.
        seconds: cell id -> what it takes.
        workers: cells at once.
    """
    planned = {cell.id for cell in cells}
    followers: dict[str, list[int]] = {}
    ready: list[int] = []
    for place, cell in enumerate(cells):
        if cell.needs in planned:
            followers.setdefault(str(cell.needs), []).append(place)
        else:
            ready.append(place)
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < workers:
            place = heapq.heappop(ready)
            heapq.heappush(running, (now + seconds[cells[place].id], place))
        now, place = heapq.heappop(running)
        for follower in followers.get(cells[place].id, ()):
            heapq.heappush(ready, follower)
    return now
