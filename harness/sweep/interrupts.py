"""What ends a command's cells from outside: Ctrl-C, SIGTERM, a lost terminal, SLURM's warning.

SLURM, `docker stop` and systemd send SIGTERM, and kill some seconds later. SIGUSR1 is what
SLURM is asked to send before a time limit (`--signal=USR1@120`): the cells checkpoint and the
job is queued again; outside of SLURM they checkpoint and go on. SIGUSR2, which would end a process
that knows nothing of it, is submitit's warning: the cells end as of SIGTERM. SIGHUP comes of a
terminal that was closed and of a connection that broke, unless `nohup` has it ignored.
"""

import errno
import os
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.sweep import worker

#: Seconds in which cells checkpoint and runs are closed, undisturbed by another signal.
_PATIENCE = 20.0
_AGAIN = "the same command goes on from here"


class Interrupted(KeyboardInterrupt):
    """A signal asked for the end; `code` is what the command then ends with, as shells have it."""

    def __init__(self, signum: int):
        super().__init__(f"interrupted; {_AGAIN}")
        self.signum = signum
        self.code = 128 + signum


@contextmanager
def interruptible() -> Iterator[None]:
    """Lets signals end the block as Ctrl-C does, once; what was there before is put back.

    Raises:
        Interrupted: a signal came, and the block has ended.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only there Python hears of signals
        return
    begun = [float("-inf")]

    def interrupt(signum: int, frame: object) -> None:
        now = time.monotonic()
        if signum == signal.SIGHUP:
            _leave_terminal()
        if now - begun[0] > _PATIENCE:
            begun[0] = now
            raise Interrupted(signum)

    def warn(signum: int, frame: object) -> None:
        if os.environ.get("SLURM_JOB_ID"):
            interrupt(signum, frame)
        else:
            worker.ask_for_checkpoints()

    handlers = {
        signal.SIGINT: interrupt,
        signal.SIGTERM: interrupt,
        signal.SIGHUP: interrupt,
        signal.SIGUSR1: warn,
        signal.SIGUSR2: interrupt,
    }
    for number in (signal.SIGINT, signal.SIGHUP):  # in a shell's background, and of `nohup`
        if signal.getsignal(number) == signal.SIG_IGN:
            del handlers[number]
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    except Interrupted as interrupted:
        if interrupted.signum == signal.SIGUSR1:
            interrupted.args = (_requeue(os.environ["SLURM_JOB_ID"]),)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_terminal() -> None:
    """Has nothing written any more to a terminal that is gone, which would end what tidies up."""
    for descriptor in (1, 2):
        try:
            termios.tcgetattr(descriptor)
        except termios.error as error:
            if error.args[0] == errno.EIO:  # no terminal at all is another error
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


def _requeue(job: str) -> str:
    """Has SLURM run this job again; returns what to say of it."""
    try:
        subprocess.run(
            ["scontrol", "requeue", job], check=True, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
        return f"checkpointed, but SLURM did not queue job {job} again ({reason}); {_AGAIN}"
    return f"checkpointed; SLURM has queued job {job} again"
