"""Makes the files of data sets: `harness data prepare NAME --out FOLDER`.

A preparer is one file of this folder (`harness.data.prepare.base`). The folder that it fills
gets its name only when it is complete, with `MARKER` in it: that is what tells a loader where
the files are from.
"""

import argparse
import json
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import harness
from harness.data.prepare.base import PREPARERS, Prepared, Preparer
from harness.errors import DataError

__all__ = ["MARKER", "PREPARERS", "Prepared", "Preparer", "marker_of", "prepare", "source_of"]

#: The file that says what a prepared folder is.
MARKER = "prepared.json"


def prepare(name: str, out: Path, options: argparse.Namespace, *, force: bool = False) -> str:
    """Makes a data set's folder, whole or not at all.

    Args:
        name: One of `PREPARERS`.
        out: The folder; must not exist, or be empty.
        options: What the preparer's own options were parsed to.
        force: Replaces a folder that was prepared before (and no other).

    Returns:
        What was made and how to use it, in lines.

    Raises:
        DataError: The folder is in use or cannot be made, or what the data are made of cannot be
            had.
    """
    _refuse_used(out, force)
    with _renamed(out, force) as folder:
        made = PREPARERS.find(name)().write(folder, options)
        marker = {"prepared": name, "source": made.source, "harness": harness.__version__}
        (folder / MARKER).write_text(json.dumps({**marker, **made.facts}, indent=1) + "\n")
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    used = shlex.join([*made.overrides, f"dataset.data_dir={out}"])
    return (
        f"{out}: {made.source}\n{len(sizes):,} files, {sum(sizes) / 1e6:,.1f} MB\n"
        f"use it with {used}"
    )


def marker_of(folder: Path) -> dict[str, Any] | None:
    """What a prepared folder says of itself; None of any other folder.

    Raises:
        DataError: The marker is there, but damaged.
    """
    path = folder / MARKER
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {**content, "source": str(content["source"])}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged; prepare the folder again, with --force") from error


def source_of(folder: Path, otherwise: str) -> str:
    """Where a prepared folder's data are from, in words; `otherwise` of any other folder.

    Raises:
        DataError: The marker is there, but damaged.
    """
    marker = marker_of(folder)
    return marker["source"] if marker else otherwise


def _refuse_used(out: Path, force: bool) -> None:
    if out.is_file():
        raise DataError(f"--out={out}: a file; accepted: a folder to make")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / MARKER).is_file():
        raise DataError(
            f"--out={out}: holds other files, without {MARKER}; accepted: a folder to make"
        )
    if not force:
        raise DataError(f"--out={out}: prepared already; to make it anew: --force")


@contextmanager
def _renamed(out: Path, force: bool) -> Iterator[Path]:
    """A folder beside `out` that takes its place, and its name, when the block ends well."""
    real = out.resolve()  # or a link to a folder would be replaced, not the folder
    with _beside(real, out) as temporary:
        new, old = Path(temporary, "new"), Path(temporary, "old")
        new.mkdir()
        yield new
        _refuse_used(out, force)  # someone may have used it meanwhile
        try:
            if real.is_dir():
                real.replace(old)
            new.replace(real)
        except BaseException as error:
            if old.is_dir() and not real.is_dir():
                old.replace(real)
            if isinstance(error, OSError):
                raise _unwritable(out, error) from error
            raise


def _beside(real: Path, out: Path) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder in the same file system, so that a rename is one step."""
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=f".{real.name}.", dir=real.parent)
    except OSError as error:
        raise _unwritable(out, error) from error


def _unwritable(out: Path, error: OSError) -> DataError:
    return DataError(f"--out={out}: cannot be made there ({error.strerror}); choose another folder")
