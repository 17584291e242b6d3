"""One process a cell, forked from a server that has imported TensorFlow once.

A cell that crashes, is killed or leaks takes nothing else down; forking spares each of
them the seconds that importing TensorFlow costs. The server itself never runs a
TensorFlow operation, so no thread pool exists when it forks.
"""

import ctypes
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.cell.job import Busy, Outcome, signals
from harness.config import credentials
from harness.config.folders import VARIABLE
from harness.errors import FULL, HarnessError, full
from harness.sweep.scratch import folder
from harness.system.forks import forking

#: What the server imports before its first fork.
PRELOAD = ("harness.cell.preloaded", "harness.cell.stages", "harness.cell.shipping", __name__)
#: Seconds that a job gets to checkpoint and tidy up before it is killed: `docker stop` kills
#: all of them after 10.
STOP_SECONDS = 8.0
#: Seconds after which a job is asked again.
_ASK_SECONDS = 2.0
_PR_SET_PDEATHSIG = 1
#: What a job's process ends with whose script starts jobs again while it is only imported.
_UNGUARDED = 87


@dataclass(eq=False)
class Job:
    """A running job.

    Attributes:
        process: Its process.
        events: The receiving end of its pipe.
        scratch: Where its temporary files lie. They go when it ends, however it does: packages
            leave some lying (TensorFlow its generated code, until an exit that forked
            processes do not have).
    """

    process: Any
    events: Any
    scratch: TemporaryDirectory[str]

    def end(self) -> None:
        """Waits for the process, and tidies up after it."""
        self.process.join()
        self.scratch.cleanup()
        if self in _running:
            _running.remove(self)


#: The jobs of this process.
_running: list[Job] = []


def warm() -> None:
    """Starts the server that forks jobs, which imports TensorFlow while this process goes on."""
    forking(PRELOAD)


def start(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Job:
    """Starts `function(*arguments, emit)` in a process of its own.

    Args:
        function: importable by name; its last parameter takes events, dicts for `poll`.
        arguments: picklable.
        log: the file that takes the process's standard output and error.
        environment: variables of the process, set before TensorFlow looks for devices.
    """
    context = forking(PRELOAD)
    receiving, sending = context.Pipe(duplex=False)
    log.parent.mkdir(parents=True, exist_ok=True)
    scratch = TemporaryDirectory(dir=folder(), ignore_cleanup_errors=True)
    # the fork server has what these were when it was started
    own = {name: os.environ.get(name, "") for name in (VARIABLE, credentials.VARIABLE)}
    own |= environment or {}
    # what the fork server does with it says nothing of this process
    hangup = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
    given = (function, arguments, str(log), scratch.name, own, hangup, sending)
    process = context.Process(target=_child, args=given)
    try:
        process.start()
    except EOFError:  # the fork server died of an import and has printed why
        raise HarnessError(
            "the process that imports TensorFlow for the cells did not start; the lines above "
            "say why; reinstall with `make setup`"
        ) from None
    sending.close()
    job = Job(process, receiving, scratch)
    _running.append(job)
    return job


def refuse_unguarded() -> None:
    """Ends this process if it is a job's, which imports the script that starts jobs.

    Python imports a program's file into every process of its pool, so that what it defines is
    known there. `poll` then says what to do.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(_UNGUARDED)


def poll(jobs: list[Job], timeout: float) -> Iterator[tuple[Job, dict[str, Any] | Outcome]]:
    """Yields what the jobs have sent within `timeout` seconds: events, then one outcome each."""
    by_pipe = {job.events: job for job in jobs}
    for ready in multiprocessing.connection.wait(list(by_pipe), timeout):
        job = by_pipe[ready]
        try:
            kind, content = job.events.recv()
        except (EOFError, OSError):
            job.end()
            yield job, _death(job.process.exitcode)
            continue
        if kind == "event":
            yield job, content
        else:
            job.end()
            yield job, content


def stop(jobs: list[Job]) -> None:
    """Ends jobs that are still running, all at once: asked, and killed after `STOP_SECONDS`."""
    end = time.monotonic() + STOP_SECONDS
    left = [job for job in jobs if job.process.is_alive()]
    while left and (seconds := end - time.monotonic()) > 0:
        # more than once: code that lets no exception out can swallow an interrupt
        for job in left:
            job.process.terminate()
        again = time.monotonic() + min(_ASK_SECONDS, seconds)
        while left and (seconds := again - time.monotonic()) > 0:
            multiprocessing.connection.wait([job.process.sentinel for job in left], seconds)
            left = [job for job in left if job.process.is_alive()]
    for job in left:
        job.process.kill()
    for job in jobs:
        job.end()


def ask_for_checkpoints() -> None:
    """Has every job of this process that trains write a checkpoint now, and go on."""
    for job in _running:
        if job.process.is_alive():
            os.kill(job.process.pid, signal.SIGUSR1)


def _child(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    log: str,
    scratch: str,
    environment: Mapping[str, str],
    hangup: bool,
    pipe: Any,
) -> None:
    tempfile.tempdir = scratch
    os.environ.update(environment)
    _die_with_parent()
    signals.take(hangup)
    _send_output_to(log)

    def emit(event: dict[str, Any]) -> None:
        pipe.send(("event", event))

    try:
        outcome = Outcome("done", value=function(*arguments, emit))
    except Busy:
        outcome = Outcome("busy", message="another process is running this cell")
    except HarnessError as error:
        outcome = Outcome("refused", message=credentials.hidden(str(error)))
    except KeyboardInterrupt:
        outcome = Outcome("interrupted", message="interrupted")
    except BaseException as error:
        with suppress(OSError):  # the log's disk may be the one that is full
            print(credentials.hidden(traceback.format_exc()), file=sys.stderr, flush=True)  # noqa: T201
        outcome = Outcome("failed", message=line_of(error))
    pipe.send(("outcome", outcome))
    pipe.close()


def line_of(error: BaseException) -> str:
    """An error in one line; of a full disk, what to do."""
    if isinstance(error, OSError) and error.errno in FULL:
        return full(error)
    return credentials.hidden(f"{type(error).__name__}: {error}").splitlines()[0]


def _die_with_parent() -> None:
    """Asks Linux to kill this process with the fork server, which ends with the harness.

    A cell must not go on unseen after the harness was killed: whoever starts it again
    would wait for its lock.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _send_output_to(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _death(exitcode: int | None) -> Outcome:
    if exitcode == _UNGUARDED:
        return Outcome(
            "refused",
            message="the script that launches cells does so while it is imported, as each cell's "
            'process does; put its last lines below `if __name__ == "__main__":`',
        )
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = " (out of memory?)" if -exitcode == signal.SIGKILL else ""
        return Outcome("failed", message=f"its process was killed by {name}{hint}")
    message = f"its process ended without a result (exit code {exitcode})"
    return Outcome("failed", message=message)
