"""Python's server of forks, which imports once what many processes need; there is one a process."""

import multiprocessing.forkserver
import os
import signal
from collections.abc import Iterable
from multiprocessing.context import ForkServerContext

#: What the server ignores, and its processes, until they take it for themselves. Whoever ends a
#: whole group of processes (SLURM, systemd, a terminal that closes) would end the server first, and
#: what it started with it, of which cells are to checkpoint: it ends with who started it. USR1 asks
#: cells to, and USR2 is for the harness alone.
IGNORED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

_FIRST, _LAST = ("harness.system.fork_server",), ("harness.system.fork_ready",)


def forking(modules: Iterable[str]) -> ForkServerContext:
    """Starts the server, which imports while this process goes on; one that runs already stays.

    A process that has threads must not fork by itself.

    Args:
        modules: What its children need.

    Returns:
        The context that starts processes by it.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_FIRST, *modules, *_LAST])
    multiprocessing.forkserver.ensure_running()
    return context


def as_others(later: int = 0) -> None:
    """Has a process of the server's end by the signals that end others.

    What a pool begins its processes with: here, where nothing is imported for it.

    Args:
        later: By so much others are to be served before it (`os.nice`).
    """
    for number in IGNORED:
        signal.signal(number, signal.SIG_DFL)
    os.nice(later)
