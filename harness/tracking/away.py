"""A store that is away for a while: locked by somebody, restarted, out of reach.

Calls wait for it and say so; what a cell logs meanwhile waits in a file (`Journal`), so that it
trains on. MLflow itself tries a server again for minutes, and says nothing.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from harness.config import credentials
from harness.errors import TrackingError

#: Seconds to wait for a store, and between two tries at most.
PATIENCE, PAUSE = 300.0, 10.0
#: What errors of a store that is away say: SQLite's, MLflow's of a server, its proxy's.
_SAYS = (
    "database is locked",
    "Max retries exceeded",
    "Connection refused",
    "Connection aborted",
    "timed out",
    "could not connect to server",
    "server closed the connection",
    "failed with error code 502",
    "failed with error code 503",
    "failed with error code 504",
)
_Result = TypeVar("_Result")


def _print(line: str) -> None:
    print(f"harness: {line}", file=sys.stderr, flush=True)  # noqa: T201


#: Who is told that a store is away, and that it is back; a cell's process has its own.
tell: Callable[[str], None] = _print
_patience = PATIENCE


def is_away(error: BaseException) -> bool:
    """Whether a store may be back in a while, after this error."""
    text = str(error)
    return any(said in text for said in _SAYS)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """How long calls within the block wait for a store."""
    global _patience
    before, _patience = _patience, seconds
    try:
        yield
    finally:
        _patience = before


def patiently(uri: str, call: Callable[[], _Result]) -> _Result:
    """Calls, again and again while the store is away.

    Raises:
        TrackingError: it did not come back in time.
    """
    began = time.monotonic()
    told = False
    while True:
        try:
            result = call()
        except Exception as error:
            waited = time.monotonic() - began
            if not is_away(error):
                raise
            if waited >= _patience:
                raise TrackingError(
                    f"the store {uri} has not answered for {waited:.0f} s; what was trained is "
                    "kept: the same command goes on from here"
                ) from None
            if not told:
                tell(f"the store {uri} does not answer; waiting for it")
            told = True
            time.sleep(min(PAUSE, 0.5 + waited / 4))
        else:
            if told:
                tell(f"the store {uri} answers again")
            return result


class Patient:
    """An `MlflowClient` whose calls wait for a store that is away; `at_once` is the client."""

    def __init__(self, uri: str, client: Any):
        self._uri = credentials.hidden(uri)
        self.at_once = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.at_once, name)
        return lambda *given, **named: patiently(self._uri, lambda: method(*given, **named))


class Journal:
    """Metrics that a store has not taken yet, in a file: one line each, in order."""

    def __init__(self, path: Path):
        self._path = path

    def add(self, points: list[tuple[str, float, int, int]]) -> None:
        """Keeps points: key, value, time in milliseconds and step. They survive a crash."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(point) + "\n" for point in points)
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[tuple[str, float, int, int]]:
        """What is kept; a last line that was cut short is left out: no checkpoint claims it."""
        points = []
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                try:
                    key, value, at, step = json.loads(line)
                except ValueError:
                    break
                points.append((key, value, at, step))
        return points

    def clear(self) -> None:
        """The store has them all."""
        self._path.unlink(missing_ok=True)
