"""Python's server of forks, which imports once what many processes need; there is one a process."""

import multiprocessing.forkserver
from collections.abc import Iterable
from multiprocessing.context import ForkServerContext


def forking(modules: Iterable[str]) -> ForkServerContext:
    """Starts the server, which imports while this process goes on; one that runs already stays.

    A process that has threads must not fork by itself.

    Args:
        modules: What its children need.

    Returns:
        The context that starts processes by it.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(modules))
    multiprocessing.forkserver.ensure_running()
    return context
