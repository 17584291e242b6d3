"""The processor time of a command and of all that it starts, servers that outlive it among them."""

import ctypes
import os
import resource
from contextlib import suppress

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


def adopt() -> None:
    """Has processes whose parent is gone become ours: only what is waited for is counted."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def wait() -> None:
    """Waits for all of them: servers that import for others end a little after their command."""
    with suppress(ChildProcessError):
        while True:
            os.wait()


def busy() -> float:
    """The seconds that all took that have been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
