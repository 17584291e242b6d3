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
from harness.data.space import available, total

#: Share of the memory that is left to everybody else.
RESERVE = 0.04
#: Seconds between two looks.
INTERVAL = 0.2


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
