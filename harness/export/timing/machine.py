"""The machine that files are timed on: its instruction sets, and what else it does meanwhile."""

import os
import resource
from collections.abc import Iterable
from pathlib import Path

_FEATURES = (
    *("avx", "avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8"),
    *("asimd", "asimddp", "i8mm", "sve"),
)
_INFO, _STAT = Path("/proc/cpuinfo"), Path("/proc/stat")
#: Columns of a line of `_STAT` (proc(5)): idle and waiting for a disk, of the first eight.
_IDLE, _COLUMNS = (3, 4), 8
#: Of the words after the name in a process's own: by itself, and for it by the system.
_USED = (11, 12)


def features() -> list[str]:
    """The processor's instruction sets that matter here, as far as the system tells."""
    try:
        lines = _INFO.read_text().splitlines()
    except OSError:
        return []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return [name for name in _FEATURES if name in flags.split()]


class Watch:
    """What the processors do, from the watch's making on.

    The load average would not tell: it still holds what this process did a minute ago.
    """

    def __init__(self) -> None:
        self._began = _ticks()
        self._children = _children()

    def others(self, running: Iterable[int] = ()) -> float | None:
        """The share of all cores' time that went to others than children that have ended.

        None where the system does not say. What a hypervisor took away is among it.

        Args:
            running: process ids of children, started since the watch was made, that have not ended.
        """
        now = _ticks()
        if self._began is None or now is None or now[1] == self._began[1]:
            return None
        busy, total = now[0] - self._began[0], now[1] - self._began[1]
        own = (_children() - self._children) * os.sysconf("SC_CLK_TCK")
        return max(0.0, busy - own - sum(map(_ticks_of, running))) / total


def _ticks_of(pid: int) -> int:
    """What a process took so far; nothing where the system does not say."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(words[_USED[0]]) + int(words[_USED[1]])


def _ticks() -> tuple[int, int] | None:
    """Of all cores since the machine started: busy, and all."""
    try:
        words = _STAT.read_text().partition("\n")[0].split()[1 : 1 + _COLUMNS]
    except OSError:
        return None
    ticks = [int(word) for word in words]
    return sum(ticks) - sum(ticks[column] for column in _IDLE), sum(ticks)


def _children() -> float:
    """Seconds of processors that this process's ended children took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
