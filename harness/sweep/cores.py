"""Which cores the cells of a sweep train on, where there is no GPU.

Cells that train at once get a share of the cores each; one alone has them all. TensorFlow starts
as many threads as it would for one cell alone, whatever the share: kernels cut their work into as
many pieces as there are threads, and sums of other pieces round otherwise (the MNIST network had
other weights after 40 steps by one thread than by two). So a cell ends with the same bits by any
`--jobs`.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from harness.system.cores import usable

#: Cores that a cell gets at least where cells are as many as suit the machine (`--jobs auto`), on
#: machines of more than this: small networks make little of more.
_FEW = 4
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def at_once() -> int:
    """How many cells `--jobs auto` runs: two, or one for every four cores."""
    cores = len(usable())
    return min(cores, max(2, cores // _FEW))


class Cores:
    """The cores, shared out among the processes of cells that train."""

    def __init__(self) -> None:
        self._all = usable()
        self._given: list[int] = []

    def environment(self) -> dict[str, str]:
        """Variables of a cell's process, which TensorFlow reads; what a user has set stays."""
        threads = str(len(self._all))
        return {name: os.environ.get(name, threads) for name in _THREADS}

    def share(self, pids: Sequence[int]) -> None:
        """Shares the cores out among these processes anew, if they are others than before.

        Those that are no longer among them have the use of all.
        """
        if list(pids) == self._given:
            return
        for pid in set(self._given).difference(pids):
            pin(pid, self._all)
        for pid, cores in zip(pids, shares(self._all, len(pids)), strict=True):
            pin(pid, cores)
        self._given = list(pids)


def shares(cores: Sequence[int], parts: int) -> list[list[int]]:
    """Cores in as many parts, as equal as can be; each has one, be it another's too."""
    count = len(cores)
    return [
        list(cores[part * count // parts : (part + 1) * count // parts])
        or [cores[part % count]]
        for part in range(parts)
    ]  # fmt: skip


def pin(pid: int, cores: Sequence[int]) -> None:
    """Keeps a process, its threads and those that they will start to cores, where Linux runs."""
    with suppress(OSError):  # it ends meanwhile
        for thread in threads(pid):
            os.sched_setaffinity(thread, cores)


def threads(pid: int) -> Iterator[int]:
    """The threads of a process, where Linux runs.

    Raises:
        OSError: none are to be seen.
    """
    return (int(each.name) for each in Path(f"/proc/{pid}/task").iterdir())
