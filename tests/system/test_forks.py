"""The server of forks, as what it starts relies on it."""

import gc
import multiprocessing.forkserver
import os
import sys
from typing import Any

import pytest

from harness.system.forks import IGNORED, as_others, forking


def _ends_by(number: int) -> None:
    as_others()
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", IGNORED)
def test_what_ends_a_group_leaves_the_server_to_its_processes(number):
    context = forking(["json"])
    server = multiprocessing.forkserver._forkserver._forkserver_pid
    process = context.Process(target=_ends_by, args=(0,))
    process.start()
    process.join()
    os.kill(server, number)
    again = context.Process(target=_ends_by, args=(number,))
    again.start()
    again.join()
    assert (process.exitcode, again.exitcode) == (0, -number)
    assert multiprocessing.forkserver._forkserver._forkserver_pid == server


def _frozen(connection: Any) -> None:
    connection.send((gc.get_freeze_count(), "json" in sys.modules))


def test_what_the_server_has_imported_is_no_garbage_to_its_processes():
    context = forking(["json"])
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_frozen, args=(sending,))
    process.start()
    count, imported = receiving.recv()
    process.join()
    assert imported
    assert count > 1000
