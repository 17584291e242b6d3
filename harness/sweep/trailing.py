"""Cells that train no more: the next one starts while their files are written and weighed.

They end as any other does, in their own process: what fails then is theirs, a run is finished
only when all of it is logged, and a kill leaves a run that the same command takes up again. They
get the processors that the cells that train leave them, which keep their pace (`time/step_ms`).
"""

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from harness.cell import memory
from harness.cell.cell import Cell
from harness.sweep.cores import threads
from harness.sweep.gpu_places import Place

#: How much a cell that trails gives way: beside one that trains it gets a tenth of a core. None can
#: take that back without root's rights, so with no more than this it still ends in time where other
#: programs keep the machine busy for good, of which it would get a seventieth with the most, 19.
NICENESS = 10


class Trailing:
    """Keeps which of the running cells have said that only their files are left to do.

    Args:
        jobs: cells at once; as many again may trail.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._bytes: dict[str, int] = {}
        self._pids: dict[str, int] = {}  # of those that have not given way yet

    def heard(self, cell: Cell, event: Mapping[str, Any], place: Place, pid: int) -> bool:
        """Whether an event is word that a cell trains no more, which is then taken down.

        A GPU stays its cell's until the process ends, for TensorFlow gives back no memory of it,
        and so does the address of a worker.
        """
        if event["kind"] != "trained":
            return False
        if not place.gpus and cell.config.strategy.name != "multi_worker":
            self._bytes[cell.id] = event["bytes"]
            self._pids[cell.id] = pid
        return True

    def trails(self, cell_id: str) -> bool:
        """Whether a cell has only files left to do, and a dense one left its weights to others."""
        return cell_id in self._bytes

    def ended(self, cell: Cell) -> None:
        """Forgets a cell whose process has ended."""
        self._bytes.pop(cell.id, None)
        self._pids.pop(cell.id, None)

    def give_way(self) -> None:
        """Has those that trail give way, for one trains beside them; none can take that back.

        Where none does, some may wait for one that trails, which is not to be slow on a machine
        that others use.
        """
        while self._pids:
            give_way(self._pids.popitem()[1])

    def may_start(self, cell: Cell) -> bool:
        """Whether a cell may start beside those that trail: one that times its files waits."""
        return not (self._bytes and cell.config.export.latency)

    def room(self, running: Collection[Any]) -> int:
        """How many cells may start beside those that run.

        None starts beside one that trails unless as much memory is left as that one has had.
        """
        trailing = len(self._bytes)
        room = min(self._jobs + trailing, 2 * self._jobs) - len(running)
        if trailing and room > 0 and memory.available() < max(self._bytes.values()):
            return max(self._jobs - len(running), 0)
        return max(room, 0)


def give_way(pid: int) -> None:
    """Lets a process, and the threads that it will start, have what others leave of the cores.

    Linux keeps a niceness for each thread; where there is none to be seen, nothing is done.
    """
    with suppress(OSError):  # it ends meanwhile
        for thread in threads(pid):
            os.setpriority(os.PRIO_PROCESS, thread, NICENESS)
