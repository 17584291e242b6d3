"""Memory, watched from within: a cell that would take the machine's last is ended, and said so.

The kernel, out of memory, kills the process that it likes least, which need not be the one that
took it, and says nothing to whoever waits for it.
"""

import os
import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.cell.job import Emit

#: Share of the memory that is left to everybody else.
RESERVE = 0.04
#: Seconds between two looks.
INTERVAL = 0.2
_CGROUP = Path("/sys/fs/cgroup")


def total() -> int:
    """Bytes of memory that this process may use at most: the machine's, or its container's."""
    machine = _meminfo("MemTotal")
    limit = _number(_CGROUP / "memory.max")
    return machine if limit is None else min(machine, limit)


def available() -> int:
    """Bytes that are still to be had."""
    machine = _meminfo("MemAvailable")
    limit, used = _number(_CGROUP / "memory.max"), _number(_CGROUP / "memory.current")
    if limit is None or used is None:
        return machine
    return min(machine, max(0, limit - used + _reclaimable()))


def peak() -> int:
    """The most bytes of memory that this process has had at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def watched(emit: Emit) -> Iterator[None]:
    """Ends this process, within the block, before it takes the last memory there is.

    Its last word is `{"kind": "memory", "bytes": …, "total": …}`. Nothing is watched where the
    system does not tell what is left.

    Args:
        emit: takes that event.
    """
    done = threading.Event()

    def watch() -> None:
        reserve = RESERVE * total()
        while not done.wait(INTERVAL):
            if available() < reserve and resident() > reserve:
                emit({"kind": "memory", "bytes": resident(), "total": total()})
                os.kill(os.getpid(), signal.SIGKILL)

    if not Path("/proc/meminfo").exists():
        yield
        return
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def resident() -> int:
    """Bytes of memory that this process has at this moment."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _meminfo(key: str) -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == key:
            return int(rest.split()[0]) * 1024
    raise OSError(f"/proc/meminfo has no {key}")


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _reclaimable() -> int:
    """Bytes of files that the container's cache would give back."""
    try:
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)
