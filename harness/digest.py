"""Files that a config names: told by their content, not by their place."""

import hashlib
from functools import lru_cache
from pathlib import Path


def digest(path: Path | str) -> str:
    """The sha256 of a file, 64 hex digits; read once a process while it stays unchanged."""
    status = Path(path).stat()
    return _digest(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(path: str, size: int, modified: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
