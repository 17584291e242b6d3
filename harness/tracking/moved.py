"""A store that was moved or copied: MLflow keeps whole paths to its artifacts.

A copy would write into the original's, and overwrite them. So an SQLite store of the harness's,
whose artifacts lie beside it, is recognised by paths that lead elsewhere.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from harness.errors import TrackingError
from harness.tracking import beside
from harness.tracking.journal import FOLDER, Journal

#: Tables and columns with paths of artifacts.
_PATHS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
)


def refuse_moved(uri: str, database: Path, experiment: str, location: str) -> None:
    """Refuses to write to a store whose artifacts lie where it was before.

    Args:
        uri: the store's.
        database: its file.
        experiment: a name.
        location: where that experiment's artifacts are said to be.

    Raises:
        TrackingError: they are elsewhere; it says what to do.
    """
    before = _folder(location, experiment)
    if before is not None and before.resolve() != (database.parent / beside.ARTIFACTS).resolve():
        raise TrackingError(
            f"tracking.uri: received {uri}, whose artifacts are said to lie in {before}: it was "
            f"moved or copied here; `harness store move --uri {uri}` points it to the "
            f"{beside.ARTIFACTS} beside it"
        )


def move(uri: str, work_dir: str = "work") -> str:
    """Points a store to the artifacts that lie beside it; returns what was done, in a line.

    What cells have left in the work folder that are unfinished is the store's at its new place.

    Args:
        uri: the store's.
        work_dir: the work folder, seen from here or from the store.

    Raises:
        TrackingError: it is no SQLite store, or its artifacts were left behind.
    """
    database = beside.sqlite_path(uri)
    if database is None or not database.is_file():
        raise TrackingError(f"--uri: received {uri}; accepted: the SQLite file of a store")
    here = database.parent / beside.ARTIFACTS
    with beside.locked(uri), closing(sqlite3.connect(database, timeout=30)) as db, db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        if "experiments" not in tables:
            raise TrackingError(f"--uri: received {uri}, which is no store of MLflow's")
        found = db.execute("SELECT name, artifact_location FROM experiments").fetchall()
        places = {name: _folder(location, name) for name, location in found}
        folders = set(places.values()) - {None, here}
        if folders and not here.is_dir():
            raise TrackingError(
                f"{here} is not there: move or copy it along with the store, then move the store"
            )
        changed = 0
        for before in sorted(str(folder) for folder in folders):
            old, new = Path(before).as_uri(), here.as_uri()
            for table, column in _PATHS:
                if table in tables:
                    done = db.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                        f"WHERE substr({column}, 1, ?) = ?",
                        (new, len(old) + 1, len(old) + 1, f"{old}/"[: len(old) + 1]),
                    )
                    changed += done.rowcount if table == "runs" else 0
    if not folders:
        return f"{uri}: its artifacts are said to lie beside it already"
    taken = 0
    for work in dict.fromkeys((Path(work_dir).absolute(), database.parent / work_dir)):
        for name, folder in places.items():
            if folder in folders and folder is not None:
                taken += _take_along(work, name, folder.parent / database.name, database)
    along = f"; {taken} unfinished cells go on from where they were" if taken else ""
    return f"{uri}: {changed} runs now have their artifacts in {here}{along}"


def _take_along(work: Path, experiment: str, before: Path, database: Path) -> int:
    """Gives the folders of an experiment's unfinished cells the names that they have now.

    Those of a store that is still there, as one that was copied is, are left to it: only what was
    copied along is the copy's.

    Returns:
        How many there were.
    """
    if before.exists() and not work.is_relative_to(database.parent):
        return 0
    was, now = f"{beside.SQLITE}{before}", f"{beside.SQLITE}{database}"
    for lines in work.glob(f"cells/*/{FOLDER}/run.json"):
        journal = Journal(lines.parent)
        about = journal.about()
        if about.get("experiment") == experiment and beside.sqlite_path(about["uri"]) == before:
            journal.tell({**about, "uri": now})
    return rename(work, experiment, was, now)


def rename(work: Path, experiment: str, was: str, now: str, cell: str = "*") -> int:
    """Gives the folders of unfinished cells, and their logs, the names of a store's new address.

    What a cell that was begun at that address has by that name stays.

    Args:
        work: the work folder.
        experiment: a name.
        was: the store's address.
        now: the one that it has now.
        cell: the id of the one cell that is meant; all of the experiment's if it is left out.

    Returns:
        How many folders there were.
    """
    old, new = (f"-{beside.ending(uri, experiment)}" for uri in (was, now))
    folders = list(work.glob(f"cells/{cell[:16]}{old}"))
    for path in (*folders, *work.glob(f"logs/{cell[:16]}{old}.txt")):
        renamed = path.with_name(path.name.replace(old, new))
        if not renamed.exists():
            path.rename(renamed)
    return len(folders)


def _folder(location: str | None, experiment: str) -> Path | None:
    """The folder of all artifacts, of an experiment's; None if the harness did not make it."""
    if not location or not location.startswith("file:"):
        return None
    path = Path(unquote(urlsplit(location).path))
    return path.parent if path.parent.name == beside.ARTIFACTS and path.name == experiment else None
