"""Silence for code that writes to the terminal behind Python's back."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def captured() -> Iterator[Callable[[], str]]:
    """Keeps what the block writes to stdout and stderr, C++ included, off the terminal.

    It holds for the whole process: what other threads write meanwhile is lost too.

    Yields:
        A function that returns what was written so far, for an error message.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as sink:
        saved = [os.dup(1), os.dup(2)]
        try:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
            # sys.stdout and sys.stderr stay what they are: a logger made in the block would
            # keep a replacement after it is closed.
            yield lambda: os.pread(sink.fileno(), 1 << 20, 0).decode(errors="replace")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in enumerate(saved, start=1):
                os.dup2(copy, number)
                os.close(copy)
