"""The cores that work is spread over."""

import os
import subprocess
import sys

import pytest

TOLD = "from harness.system.cores import usable; print(usable())"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux binds processes")
def test_a_process_that_has_one_core_uses_one():
    core = max(os.sched_getaffinity(0))
    done = subprocess.run(
        [sys.executable, "-c", TOLD],
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"[{core}]"
