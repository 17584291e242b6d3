"""What lies beside an SQLite store: its locks, and the artifacts of its runs."""

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from harness.errors import TrackingError

SQLITE = "sqlite:///"
#: The folder beside an SQLite file that holds the artifacts of its runs.
ARTIFACTS = "mlartifacts"


def sqlite_path(uri: str) -> Path | None:
    """The database file of an SQLite URI; None for any other store."""
    return Path(uri.removeprefix(SQLITE)).absolute() if uri.startswith(SQLITE) else None


def ending(uri: str, experiment: str) -> str:
    """What the folders of an experiment's unfinished cells end with, in any work folder."""
    return hashlib.sha256(f"{sqlite_path(uri) or uri} {experiment}".encode()).hexdigest()[:8]


def lock_dir(uri: str, work_dir: str) -> Path:
    """Where the locks of a store's cells lie.

    Beside an SQLite file, so that all who share the store share the locks; otherwise in the
    work folder, which processes on several machines then have to share.
    """
    database = sqlite_path(uri)
    return (
        database.with_name(f"{database.name}.locks") if database else Path(work_dir, "locks")
    ).absolute()


def cell_lock(uri: str, work_dir: str, trained: str, timeout: float) -> FileLock:
    """The lock of a cell's weights, not taken yet.

    Args:
        uri: the store.
        work_dir: the work folder.
        trained: the cell's trained id.
        timeout: seconds after which taking it is given up.
    """
    locks = lock_dir(uri, work_dir)
    locks.mkdir(parents=True, exist_ok=True)
    return FileLock(locks / f"{trained[:16]}.lock", timeout=timeout)


def mark(uri: str, work_dir: str) -> str:
    """What tells the folder of a store's locks from all others, written there when first asked for.

    Processes to which it is the same have their locks in one folder, on whatever machines.
    """
    folder = lock_dir(uri, work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mark"
    if not (path.exists() and path.read_text()):
        with FileLock(f"{path}.lock"):
            if not (path.exists() and path.read_text()):
                path.write_text(uuid.uuid4().hex)
    return path.read_text()


@contextmanager
def locked(uri: str, work_dir: str | None = None) -> Iterator[None]:
    """Holds an SQLite store's lock within the block; any other store has none of its own.

    Args:
        uri: the store's.
        work_dir: the work folder that has one for another store, for those who share the folder.

    Raises:
        TrackingError: the lock cannot be written.
    """
    database = sqlite_path(uri)
    if database is None and work_dir is None:
        yield
        return
    folder = lock_dir(uri, work_dir or "")
    try:
        folder.mkdir(parents=database is None, exist_ok=True)
        lock = FileLock(folder / "store.lock").acquire()
    except OSError as error:
        what = f"tracking.uri: cannot write beside {uri}"
        if database is None:
            what = f"work_dir: cannot write into {folder}"
        raise TrackingError(f"{what} ({error.strerror})") from None
    with lock:
        yield
