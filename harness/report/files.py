"""Writes a report's files so that a reader never finds half of one."""

import contextlib
import os
import re
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from harness.errors import ReportError
from harness.report.plot_names import is_plot


def write_files(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Writes all files into a folder, each under a temporary name first, then renamed.

    All are written before the first is renamed, so a full disk leaves the old report whole.

    Args:
        folder: Where to; made if it is not there.
        files: File name -> content.

    Returns:
        The paths written, in the order given.

    Raises:
        ReportError: The folder cannot be made or written to.
        ValueError: A file's name is a path, or hidden; `file_name` makes names of texts.
    """
    if strange := [name for name in files if not re.fullmatch(r"\w[\w.-]*", name)]:
        raise ValueError(f"received the file names {strange}; accepted: letters, digits, _ . -")
    ready: list[tuple[str, Path]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
            ready.append((temporary, folder / name))
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(temporary, 0o666 & ~_umask())
        for temporary, path in ready:
            os.replace(temporary, path)
    except OSError as error:
        for temporary, _ in ready:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise ReportError(
            f"the report cannot be written to {folder} ({error.strerror or error}): "
            "give a folder that can be written to"
        ) from error
    return [path for _, path in ready]


def remove_plots_of_before(
    folder: Path, stem: str, stems: Collection[str], kept: Collection[Path]
) -> None:
    """Removes a table's plots that it has not any more: their names say models and measures.

    Args:
        folder: where several tables share a place.
        stem: what the table's files begin with.
        stems: of all tables there, of which one may begin with another.
        kept: the table's files of now.
    """
    for path in set(folder.glob(f"{stem}_*.svg")) - set(kept):
        owner = max((one for one in stems if path.name.startswith(f"{one}_")), key=len)
        if owner == stem and is_plot(path.stem.removeprefix(f"{stem}_")):
            path.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
