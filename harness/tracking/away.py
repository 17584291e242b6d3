"""A store that is away for a while: locked by somebody, restarted, out of reach.

Calls wait for it and say so; what a cell writes meanwhile waits on disk (`outbox`), so that it
trains on. MLflow itself tries a server again for minutes, and says nothing.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError

from harness.config import credentials
from harness.errors import TrackingError

#: The environment variable that says how many seconds to wait for a store, and how many else.
VARIABLE, PATIENCE = "HARNESS_PATIENCE", 300.0
#: Seconds between two tries at most.
PAUSE = 10.0
#: Of MLflow's, read at each request: seconds for an answer. A file has these, and its bytes' time:
#: a server answers once it has all of it, and has copied it to where it keeps it.
_TIMEOUT, FILE_SECONDS, FILE_SPEED = "MLFLOW_HTTP_REQUEST_TIMEOUT", 120.0, 5e6
#: What a server, or the proxy before it, answers meanwhile.
_CODES = (502, 503, 504)
#: What errors of a store that is away say: SQLite's, MLflow's of a server, its proxy's.
_SAYS = (
    "database is locked",
    "Max retries exceeded",
    "Connection refused",
    "Connection aborted",
    "Connection broken",  # in the middle of an answer
    "Connection reset",
    "Broken pipe",
    "timed out",
    "No route to host",
    "Network is unreachable",
    # PostgreSQL's driver
    "could not connect to server",
    "could not translate host name",
    "server closed the connection",
    "connection already closed",
    "terminating connection",
    "the database system is",
    # a server, or the proxy before it
    *(f"failed with error code {code}" for code in _CODES),
    *(f"{code} Server Error" for code in _CODES),
)
_Result = TypeVar("_Result")


def _print(line: str) -> None:
    print(f"harness: {line}", file=sys.stderr, flush=True)  # noqa: T201


#: Who is told that a store is away, and that it is back: `telling` has others told.
tell: Callable[[str], None] = _print
_patience: float | None = None


class AwayError(TrackingError):
    """A store that does not answer now, and may do so later."""


def is_away(error: BaseException) -> bool:
    """Whether a store may be back in a while, after this error."""
    if isinstance(error, AwayError):
        return True
    if isinstance(error, HTTPError):
        return error.code in _CODES
    text = str(error)
    return any(said in text for said in _SAYS)


@contextmanager
def telling(listener: Callable[[str], None]) -> Iterator[None]:
    """Who is told within the block that a store is away: while a cell runs, its own listener."""
    global tell
    before, tell = tell, listener
    try:
        yield
    finally:
        tell = before


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """How long calls within the block wait for a store."""
    global _patience
    before, _patience = _patience, seconds
    try:
        yield
    finally:
        _patience = before


def _seconds() -> float:
    """How long calls wait now.

    Raises:
        TrackingError: the environment says something else than seconds.
    """
    if _patience is not None:
        return _patience
    text = os.environ.get(VARIABLE, "")
    try:
        return max(0.0, float(text)) if text else PATIENCE
    except ValueError:
        raise TrackingError(f"{VARIABLE}: received {text}; accepted: seconds, such as 60") from None


def patiently(uri: str, call: Callable[[], _Result]) -> _Result:
    """Calls, again and again while the store is away.

    Raises:
        AwayError: it did not come back in time.
    """
    began, enough = time.monotonic(), _seconds()
    told = False
    while True:
        try:
            result = call()
        except Exception as error:
            waited = time.monotonic() - began
            if not is_away(error):
                raise
            if not told and enough:  # said also where the first call took longer than it waits
                tell(f"the store {uri} does not answer; waiting for it")
            told = True
            if waited >= enough:
                raise AwayError(
                    f"the store {uri} has not answered for {waited:.0f} s; what was trained is "
                    "kept: the same command goes on from here"
                ) from None
            time.sleep(min(PAUSE, 0.5 + waited / 4))
        else:
            if told:
                tell(f"the store {uri} answers again")
            return result


@contextmanager
def _a_file_s_time(size: int = 0) -> Iterator[None]:
    """Gives a server the time for a file of so many bytes, as far as they are known."""
    before = os.environ.get(_TIMEOUT, "")
    usual = int(before) if before.isdecimal() else 0
    os.environ[_TIMEOUT] = str(max(usual, int(FILE_SECONDS + size / FILE_SPEED)))
    try:
        yield
    finally:
        os.environ[_TIMEOUT] = before


class Patient:
    """An `MlflowClient` whose calls wait for a store that is away; `at_once` is the client."""

    def __init__(self, uri: str, client: Any):
        self._uri = credentials.hidden(uri)
        self.at_once = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.at_once, name)
        return lambda *given, **named: patiently(self._uri, lambda: method(*given, **named))

    def log_artifact(self, run_id: str, path: str, folder: str | None = None) -> None:
        """As the client's."""
        with _a_file_s_time(Path(path).stat().st_size):
            patiently(self._uri, lambda: self.at_once.log_artifact(run_id, path, folder))

    def download_artifacts(self, run_id: str, name: str, folder: str) -> str:
        """As the client's, which would keep to itself why it could not."""
        from mlflow import artifacts

        def fetch() -> str:
            place, where = self.at_once.get_run(run_id).info.artifact_uri, self.at_once.tracking_uri
            return artifacts.download_artifacts(
                f"{place}/{name}", dst_path=folder, tracking_uri=where
            )

        with _a_file_s_time():
            return patiently(self._uri, fetch)
