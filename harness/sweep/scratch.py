"""Temporary folders of processes that may be killed before they can remove them.

All of a process's lie in one, named after it, so that the next command finds those whose
process is gone. Python's own for the fork server's socket (`pymp-*`) is among them, or named there.
"""

import functools
import os
import shutil
import tempfile
from multiprocessing import util
from pathlib import Path

from harness.errors import FULL, HarnessError, full
from harness.tracking import process

_PREFIX = "harness-of-"
#: Characters that a socket's path may have, less those of `pymp-…/listener-…`.
_SOCKET = 108 - 34
#: The file that names the folder of that socket, where it cannot lie within.
_BESIDE = "beside"


def folder() -> Path:
    """This process's folder, made when it is first asked for; it goes when the process ends.

    Raises:
        HarnessError: the disk is full.
    """
    return _made(os.getpid())


@functools.cache
def _made(pid: int) -> Path:
    remove_left()
    try:
        made = Path(tempfile.mkdtemp(prefix=_PREFIX))
        (made / "process").write_text(process.identity())
    except OSError as error:
        if error.errno in FULL or isinstance(error, FileNotFoundError):  # as `tempfile` has it
            line = full(error) if error.errno in FULL else f"{error.strerror}: free some"
            raise HarnessError(f"TMPDIR: {line}") from None
        raise
    # priority: below that of multiprocessing's own folder, which lies in it
    util.Finalize(
        None, shutil.rmtree, args=[made], kwargs={"ignore_errors": True}, exitpriority=-200
    )
    if len(str(made)) < _SOCKET:
        before, tempfile.tempdir = tempfile.tempdir, str(made)
        util.get_temp_dir()
        tempfile.tempdir = before
    else:
        (made / _BESIDE).write_text(util.get_temp_dir())
    return made


def remove_left() -> None:
    """Removes the folders of processes that are known to have ended."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            dead = process.is_dead((left / "process").read_text())
        except OSError:  # somebody else's, or being made
            continue
        if dead:
            if (left / _BESIDE).exists():
                shutil.rmtree((left / _BESIDE).read_text(), ignore_errors=True)
            shutil.rmtree(left, ignore_errors=True)
