"""Temporary folders go with their process, or with the next one if it was killed."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.settings import environment

pytestmark = pytest.mark.anywhere

BEGUN = """
import os, signal, tempfile
from multiprocessing import util
from harness.sweep.scratch import folder
tempfile.mkdtemp(dir=folder())
assert os.path.isdir(util.get_temp_dir())
"""


def begin(temporary, code):
    return subprocess.run(
        [sys.executable, "-c", code], env=environment() | {"TMPDIR": str(temporary)}
    ).returncode


IDLE = """
from harness.sweep import launch
assert launch._nothing_to_do([], {}) == {}
"""


@pytest.mark.parametrize("next_one", [BEGUN, IDLE], ids=["that runs cells", "that has none to run"])
@pytest.mark.parametrize("name", ["t", "a" * 70], ids=["short", "too long for a socket"])
def test_what_a_killed_process_left_goes_with_the_next(name, next_one):
    with tempfile.TemporaryDirectory(dir="/tmp") as root:
        temporary = Path(root, name)
        temporary.mkdir()
        killed = f"{BEGUN}os.kill(os.getpid(), signal.SIGKILL)"
        assert begin(temporary, killed) == -signal.SIGKILL
        left = os.listdir(temporary)
        assert left
        assert begin(temporary, next_one) == 0
        assert os.listdir(temporary) == []
