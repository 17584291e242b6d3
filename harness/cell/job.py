"""What a cell and the process that runs it say to each other: events, interrupts, the outcome."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

#: Takes events, dicts: `{"kind": "stage" | "progress" | "warning", …}`.
Emit = Callable[[dict[str, Any]], None]
#: The interrupts that this process, a job's, has had.
_interrupts: list[int] = []


class Busy(Exception):  # noqa: N818 - a state of the cell, not a failure
    """Another process holds the lock of the cell's weights."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        status: done, busy (another process runs it), refused (bad input), failed or
            interrupted.
        value: what the job returned, if done.
        message: one line why not, otherwise.
    """

    status: str
    value: Any = None
    message: str = ""


def ignore_interrupts() -> None:
    """Lets a job that was interrupted tidy up: Ctrl-C reaches it, and then `stop` does too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def as_interrupted() -> Iterator[None]:
    """Lets what an interrupt was made into on its way out of the block be an interrupt again.

    TensorFlow ends a device scope that an interrupt cut short with a RuntimeError of its own.

    Raises:
        KeyboardInterrupt: an error left the block, and the job has been interrupted.
    """
    try:
        yield
    except Exception as error:
        if _interrupts:
            raise KeyboardInterrupt from error
        raise


def take_interrupts() -> None:
    """Lets SIGTERM, as `stop` sends it, end this job as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)


def _interrupt(signum: int, frame: object) -> None:
    _interrupts.append(signum)
    raise KeyboardInterrupt
