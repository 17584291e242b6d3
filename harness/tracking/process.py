"""Which process has a run open, told so that another one can tell whether it still lives.

A process's number is used again, so its start belongs to it; after a reboot, and in another
container, numbers mean other processes. A machine that was booted again is told from another one
of the same name (images often come with one) by systemd's machine id, where there is one.
"""

import hashlib
import os
import platform
from pathlib import Path

#: The tag of a run that says which process has it open.
TAG = "harness.process"
_PROC = Path("/proc")
#: Not to be shown as it is: https://www.freedesktop.org/software/systemd/man/machine-id.html
_MACHINE = Path("/etc/machine-id")


def identity() -> str:
    """This process: host, boot, container, number and start, joined by spaces."""
    return " ".join((_host(), *_where(), str(os.getpid()), start(os.getpid()) or "?"))


def is_dead(told: str) -> bool:
    """Whether the process that `identity` told of is known to have ended.

    False for one of another machine or container, of which nothing can be known from here, and
    for anything that is no identity.
    """
    return _lives(told) is False


def is_out_of_sight(told: str) -> bool:
    """Whether the process that `identity` told of is of another machine or container."""
    return len(told.split()) == 5 and _lives(told) is None


def _lives(told: str) -> bool | None:
    """None where it cannot be known."""
    parts = told.split()
    if len(parts) != 5 or not parts[3].isdecimal() or "?" in parts:
        return None
    host, boot, space, number, began = parts
    if host not in (_host(), platform.node()):  # the latter from where no machine's id is known
        return None
    boot_now, space_now = _where()
    if boot != boot_now:
        return None if boot_now == "?" else False
    return start(int(number)) == began if space == space_now else None


def _host() -> str:
    """This machine by its name and, after a slash, what tells it from others of that name."""
    try:
        known = _MACHINE.read_text().strip()
    except OSError:
        known = ""
    end = f"/{hashlib.sha256(f'harness {known}'.encode()).hexdigest()[:12]}"
    return platform.node() + (end if known else "")


def _where() -> tuple[str, str]:
    """This boot of the machine and this container's numbering of processes, `?` if untold."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return boot, os.readlink(_PROC / "self/ns/pid")
    except OSError:
        return "?", "?"


def start(number: int) -> str | None:
    """When a process started, in ticks since the boot; None for none, or a zombie."""
    try:
        fields = (_PROC / str(number) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
