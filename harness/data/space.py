"""Room for what is kept: memory and disks, and refusals of what would not fit."""

import shutil
from pathlib import Path

from harness.errors import ConfigError

_CGROUP = Path("/sys/fs/cgroup")
#: Share of what is free that data may take, the rest being training's.
_SHARE = 0.8


def total() -> int:
    """Bytes of memory that this process may use at most: the machine's, or its container's."""
    machine = _meminfo("MemTotal")
    limit = _number(_CGROUP / "memory.max")
    return machine if limit is None else min(machine, limit)


def available() -> int:
    """Bytes that are still to be had."""
    machine = _meminfo("MemAvailable")
    limit, used = _number(_CGROUP / "memory.max"), _number(_CGROUP / "memory.current")
    if limit is None or used is None:
        return machine
    return min(machine, max(0, limit - used + _reclaimable()))


def _meminfo(key: str) -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == key:
            return int(rest.split()[0]) * 1024
    raise OSError(f"/proc/meminfo has no {key}")


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _reclaimable() -> int:
    """Bytes of files that the container's cache would give back."""
    try:
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)


def require(key: str, wanted: int, folder: Path | None) -> None:
    """Refuses to keep more than there is room for.

    Args:
        key: the setting that asks for it, e.g. `dataset.cache=file`.
        wanted: bytes.
        folder: where they will lie; None in memory.

    Raises:
        ConfigError: says how much there is, and how much is needed.
    """
    if folder is None:
        free, place = available(), "of memory are free"
    else:
        there = next(each for each in (folder, *folder.absolute().parents) if each.is_dir())
        free, place = shutil.disk_usage(there).free, f"are free in {folder} ($HARNESS_CACHE)"
    if wanted > _SHARE * free:
        raise ConfigError(
            f"{key}: {wanted / 1e9:,.1f} GB of decoded data, but {free / 1e9:,.1f} GB {place};"
            f" accepted: up to {_SHARE:.0%} of that, fewer examples, or dataset.cache=null"
        )
