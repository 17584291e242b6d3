"""How long a process that runs a file is waited for, and how it ended, in words."""

import os
import subprocess
from collections.abc import Callable
from threading import Timer
from typing import Any, TypeVar

#: Seconds after which a process that does not answer is given up.
PATIENCE = 300.0
#: What runtimes say of themselves while all is well.
_CHATTER = ("INFO:",)


T = TypeVar("T")


def patiently(
    process: "subprocess.Popen[Any]", seconds: float, read: Callable[[], T]
) -> tuple[T, str]:
    """What is read of a process, which is killed if that takes too long.

    Args:
        process: that answers, or dies and so ends what is read.
        seconds: how long it may take.
        read: asks it, and reads.

    Returns:
        That, and what to say of the process if it was killed.
    """
    late = Timer(seconds, process.kill)
    late.start()
    try:
        found = read()
    finally:
        gave_up = not late.is_alive()
        late.cancel()
    return found, f"gave no answer in {seconds:g} s" if gave_up else ""


def remarks_in(log: Any, start: int = 0) -> str:
    """What a process has written to a file: a pipe that nobody reads would fill, and stop it."""
    return os.pread(log.fileno(), 1 << 20, start).decode(errors="replace")


def ended(code: int, remarks: str) -> str:
    """What to say of a process that gave no answer.

    Args:
        code: what it returned; negative for a signal.
        remarks: what it wrote, the last line of which says why.
    """
    how = f"died of signal {-code}" if code < 0 else f"ended with {code}"
    return said(how, remarks)


def said(how: str, remarks: str) -> str:
    """A sentence, with the last line of what a process wrote."""
    lines = [line.strip() for line in remarks.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(_CHATTER)]
    return f"{how}: {lines[-1]}" if lines else how
