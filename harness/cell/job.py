"""What a cell and the process that runs it say to each other: events, interrupts, the outcome."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from harness.training.requests import Requests

#: Takes events, dicts: `{"kind": "stage" | "progress" | "warning" | "trained", …}`.
Emit = Callable[[dict[str, Any]], None]
_ENDING = (signal.SIGINT, signal.SIGTERM)


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


class Signals(Requests):
    """What signals ask of this process, a job's; `signals` is the one.

    SIGINT, SIGTERM and SIGHUP end it: where it trains, after a checkpoint of the step that it has
    reached, elsewhere at once. SIGUSR1 wants a checkpoint, and training goes on.
    """

    def __init__(self) -> None:
        #: The interrupts that there were.
        self.interrupts: list[int] = []
        self._asked = False
        self._wanted = False
        self._deferring = 0
        self._stepping = False

    def take(self, hangup: bool = True) -> None:
        """Has signals ask, from now on.

        Args:
            hangup: whether SIGHUP does: not for a job of `nohup`.
        """
        for number in _ENDING:
            signal.signal(number, self._interrupt)
        # whatever the process that forked this one does with it
        signal.signal(signal.SIGHUP, self._interrupt if hangup else signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, self._ask)

    def wanted(self) -> bool:
        """As `Requests`."""
        self._stepping = self._asked
        return self._wanted or self.ending()

    def ending(self) -> bool:
        """As `Requests`."""
        return bool(self.interrupts)

    @contextmanager
    def stepping(self) -> Iterator[None]:
        """As `Requests`; before its first step, which may take minutes to trace, it is broken."""
        self._asked = True
        try:
            yield
        finally:
            self._asked = self._stepping = False

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """As `Requests`."""
        self._deferring += 1
        try:
            yield
        finally:
            self._deferring -= 1

    def checkpointed(self) -> None:
        """As `Requests`.

        Raises:
            KeyboardInterrupt: the checkpoint was wanted to end here.
        """
        self._wanted = False
        self.heed()

    def heed(self) -> None:
        """Ends here, if it was asked for while that was deferred.

        Raises:
            KeyboardInterrupt: it was.
        """
        if self.interrupts:
            raise KeyboardInterrupt

    def _interrupt(self, signum: int, frame: object) -> None:
        self.interrupts.append(signum)
        if not (self._deferring or self._stepping):
            raise KeyboardInterrupt

    def _ask(self, signum: int, frame: object) -> None:
        self._wanted = True


signals = Signals()


def ignore_interrupts() -> None:
    """Lets a job that was interrupted tidy up: Ctrl-C reaches it, and then `stop` does too."""
    for number in (*_ENDING, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


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
        if signals.interrupts:
            raise KeyboardInterrupt from error
        raise
