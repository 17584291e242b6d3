"""Where a run's numbers come from: code version, packages, hardware."""

import functools
import getpass
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import harness
from harness.config.credentials import hidden
from harness.tracking import process

#: The packages whose versions can change a result.
PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "mlflow", "hydra-core", "mlxtend")
_CPUINFO = Path("/proc/cpuinfo")


def tags(command: str) -> dict[str, str]:
    """The provenance of a run made here and now, as MLflow tags.

    Args:
        command: what makes the run again.
    """
    command = hidden(command)
    commit, dirty = git_state()
    return {
        "harness.command": command,
        "harness.version": harness.__version__,
        "harness.git_commit": commit,
        "harness.git_dirty": dirty,
        "harness.python": platform.python_version(),
        "harness.platform": platform.platform(),
        "harness.cpu": cpu_model(),
        "harness.cpu_cores": str(os.cpu_count()),
        "harness.memory_gib": memory_gib(),
        "harness.host": platform.node(),
        "harness.pid": str(os.getpid()),
        process.TAG: process.identity(),
        "harness.packages": ", ".join(f"{package} {_version(package)}" for package in PACKAGES),
        # what MLflow's UI shows as a run's source and who made it
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": " ".join(command.split()[:2]),
        "mlflow.source.git.commit": commit,
        "mlflow.user": _user(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user, as in some containers
        return "unknown"


@functools.cache
def git_state() -> tuple[str, str]:
    """The commit of the harness's checkout and whether it was changed since.

    Returns:
        `(commit, "true" | "false")`, or `("unknown", "unknown")` outside a git checkout
        or without git.
    """
    checkout = Path(harness.__file__).resolve().parents[1]
    if not (checkout / ".git").exists():
        return "unknown", "unknown"
    try:
        commit = _git(checkout, "rev-parse", "HEAD")
        changed = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown", "unknown"
    return commit, "true" if changed else "false"


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=10
    ).stdout.strip()


@functools.cache
def cpu_model() -> str:
    """The processor's name as the system gives it."""
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory_gib() -> str:
    """The machine's memory in GiB, or `unknown` where the system does not say."""
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f}"
    except (AttributeError, OSError, ValueError):
        return "unknown"
