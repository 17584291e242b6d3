"""Room for what is kept: memory and disks, and refusals of what would not fit."""

import shutil
from pathlib import Path

from harness.errors import ConfigError

_CGROUP = Path("/sys/fs/cgroup")
#: The group that this process is in, seen from there.
_OWN = Path("/proc/self/cgroup")
_VMSTAT = Path("/proc/vmstat")
#: Share of what is free that data may take, the rest being training's.
_SHARE = 0.8


def total() -> int:
    """Bytes of memory that this process may use at most: the machine's, or its groups' least."""
    limits = [_number(group / "memory.max") for group in _groups()]
    return min([_meminfo("MemTotal"), *(limit for limit in limits if limit is not None)])


def available() -> int:
    """Bytes that are still to be had."""
    free = [_meminfo("MemAvailable")]
    for group in _groups():
        limit, used = _number(group / "memory.max"), _number(group / "memory.current")
        if limit is not None and used is not None:
            free.append(max(0, limit - used + _reclaimable(group)))
    return min(free)


def killings() -> int:
    """How many processes the kernel has ended for want of memory, since the machine was started."""
    try:
        lines = _VMSTAT.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _groups() -> list[Path]:
    """The group of this process and those around it: each may limit what all in it have.

    A container may see its own as the root, or be told a path that it does not see.
    """
    try:
        lines = _OWN.read_text().splitlines()
    except OSError:
        lines = []
    own = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/")
    folder = _CGROUP.joinpath(*(part for part in Path(own).parts if part not in ("/", "..")))
    return [folder, *(each for each in folder.parents if each.is_relative_to(_CGROUP))]


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


def _reclaimable(group: Path) -> int:
    """Bytes of files that a group's cache would give back."""
    try:
        lines = (group / "memory.stat").read_text().splitlines()
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
