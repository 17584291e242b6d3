"""Cells that are planned, and a process with threads, for the tests of how sweeps run."""

import subprocess
import sys

import pytest

from harness.config import compose
from harness.sweep.plan import plan

#: Starts a thread that waits, and after its word another one.
THREADS = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("started", flush=True)
input()
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("started", flush=True)
input()
"""


@pytest.fixture
def cells(store_uri, tmp_path):
    where = (f"tracking.uri={store_uri}", f"work_dir={tmp_path}")
    return plan([(compose([f"seed={n}", *where]), (f"seed={n}",)) for n in (1, 2, 3)])


@pytest.fixture
def sleeper():
    """A process with two threads, which starts a third one when told so."""
    process = subprocess.Popen(
        [sys.executable, "-c", THREADS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "started\n"
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def pid(sleeper):
    return sleeper.pid
