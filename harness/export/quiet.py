"""Silence for code that writes to the terminal behind Python's back."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout


@contextmanager
def captured() -> Iterator[Callable[[], str]]:
    """Keeps what the block writes to stdout and stderr, C++ included, off the terminal.

    It holds for the whole process: what other threads write meanwhile is lost too.

    Yields:
        A function that returns what was written so far, for an error message.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace", buffering=1) as sink:
        saved = [os.dup(1), os.dup(2)]
        try:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
            # Python's own streams need not end in those two: notebooks replace them.
            with redirect_stdout(sink), redirect_stderr(sink):
                yield lambda: os.pread(sink.fileno(), 1 << 20, 0).decode(errors="replace")
        finally:
            for number, copy in enumerate(saved, start=1):
                os.dup2(copy, number)
                os.close(copy)
