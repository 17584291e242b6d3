"""Functions in processes of their own, in which TensorFlow has been imported but never run.

As cells are started: several devices, or a cluster, are settled before TensorFlow's first
operation, and a fork of the server spares the seconds of its import.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.sweep import worker


def begin(function: Callable[..., Any], *arguments: Any, log: Path, **environment: str) -> Any:
    """Starts `function(*arguments)`; what it prints goes to `log`."""
    return worker.start(_call, (function, arguments, environment), log)


def result(job: Any, seconds: float = 600) -> Any:
    """Waits for what the function returns."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            for _, outcome in worker.poll([job], 1.0):
                assert outcome.status == "done", outcome.message
                return outcome.value
        raise AssertionError(f"no result in {seconds} s")
    finally:
        worker.stop([job])


def _call(
    function: Callable[..., Any], arguments: tuple[Any, ...], environment: dict[str, str], emit: Any
) -> Any:
    os.environ.update(environment)
    return function(*arguments)
