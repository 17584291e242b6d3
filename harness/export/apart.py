"""Tries in a copy of this process what could take the process with it.

A file that a converter got wrong can kill the interpreter that runs it: what it crashes is then
the copy, and the cell goes on. A copy is a fork: it costs milliseconds and has every library that
is loaded. It holds the forking thread only, so what a lock of another thread stops in it says
nothing of the file: only its death by a signal does.
"""

import faulthandler
import os
import time
import warnings
from collections.abc import Callable
from contextlib import suppress

from harness.errors import ExportError
from harness.quiet import captured

#: Seconds that a copy may take; one that takes longer has told nothing.
PATIENCE = 60.0
_PAUSE = 0.002


def require_survival(step: Callable[[], object], name: str) -> None:
    """Refuses what kills the process that does it; what it raises is left to the process itself.

    Args:
        step: what is tried.
        name: of the file, for the refusal.

    Raises:
        ExportError: it died; names the signal.
    """
    with captured(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, which newer Pythons remark upon
        pid = os.fork()
        if pid == 0:
            faulthandler.disable()  # its death is told elsewhere
            with suppress(BaseException):
                step()
            os._exit(0)  # nothing of this process's own is to be ended twice
        signal = _ended_by(pid)
    if signal:
        raise ExportError(f"{name}: its interpreter died of signal {signal}")


def _ended_by(pid: int) -> int:
    """The signal that ended a process; 0 if it ended by itself, or was given up."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        time.sleep(_PAUSE)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return 0
