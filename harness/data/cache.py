"""Work worth keeping from run to run, under a key that says what it was made of.

A folder is built under a temporary name and renamed when it is whole: whoever is killed
leaves nothing that looks finished. Processes that need the same one wait for the first.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock


def folder_of(cache_dir: str | None = None) -> Path:
    """The cache's folder, which may be deleted.

    As given, or $HARNESS_CACHE, or sparsity-harness in the user's: $XDG_CACHE_HOME, or ~/.cache.
    """
    if given := cache_dir or os.environ.get("HARNESS_CACHE"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "sparsity-harness"


def key(*parts: Any) -> str:
    """sha256 of JSON values."""
    content = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()


def built(root: Path, name: str, build: Callable[[Path], None]) -> Path:
    """The folder `root/name`, built by `build(temporary folder)` unless it is there already."""
    final = root / name
    if final.is_dir():
        return final
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{name}.lock"):
        if final.is_dir():
            return final
        unfinished = root / f"{name}.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        try:
            build(unfinished)
            unfinished.rename(final)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return final
