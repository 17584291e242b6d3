"""An MLflow store: opened once, checked before anything is spent, and shared by all processes.

MLflow's first use of an empty SQLite file by several processes at once fails for nearly
all of them, so one process creates the tables under a file lock and the others wait.
"""

import base64
import logging
import os
import random
import socket
import sqlite3
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from harness.config import credentials
from harness.errors import TrackingError
from harness.tracking import away
from harness.tracking.away import Patient, patiently
from harness.tracking.beside import ARTIFACTS, SQLITE, locked, sqlite_path
from harness.tracking.moved import refuse_moved

#: Seconds to wait for a server's or a database's answer before calling it unreachable.
SERVER_TIMEOUT = 5.0
#: Where databases listen, if their URI does not say so.
_PORTS = {"postgresql": 5432, "mysql": 3306}
#: How often a first write that others do at the same time is tried.
_TRIES = 5
#: Packages whose errors are of a store.
_SPEAKING = ("mlflow", "sqlalchemy", "sqlite3", "requests", "urllib3", "psycopg2")
#: Modules that databases need -> what to install.
_PACKAGES = {"psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
#: What SQLite says then.
_FULL = "disk is full"
_ANYTHING = "SELECT 1 FROM sqlite_master LIMIT 1"
T = TypeVar("T")


def client(uri: str) -> Any:
    """An `MlflowClient` for a store that `open_experiment` has prepared; it waits for it."""
    from mlflow import MlflowClient

    _quiet()
    # MLflow keeps a store by its URI, and a relative one means another file in another folder
    database = sqlite_path(uri)
    if database is not None and not _is_made(database):
        with locked(uri):  # a client would make it, in others' way
            _make(uri, database)
    where = f"{SQLITE}{database}" if database else credentials.whole(uri)

    def opened() -> Any:
        require_answer(uri, writing=False)  # where MLflow would try for minutes, and say nothing
        return MlflowClient(tracking_uri=where)

    return Patient(uri, patiently(uri, opened))


def open_experiment(uri: str, experiment: str) -> str:
    """Makes the store and the experiment where they are missing; returns the experiment's id.

    Args:
        uri: `sqlite:///FILE`, `http(s)://HOST:PORT` or another URI that MLflow reads.
        experiment: its name; one experiment holds the runs of one table.

    Raises:
        TrackingError: the store cannot be reached, read or written.
    """
    check(uri)
    database = sqlite_path(uri)
    if database is None:
        return _experiment_id(uri, experiment, None)
    with locked(uri):
        _refuse_foreign_database(uri, database)
        artifacts = database.parent / ARTIFACTS / experiment
        _make(uri, database)
        return _experiment_id(uri, experiment, artifacts.as_uri())


def _make(uri: str, database: Path) -> None:
    """Has MLflow make its tables in a file of another name, which becomes the store's once whole.

    It commits them one change after another, and can neither use nor mend a file in which a
    kill or a full disk has left a part of them. The caller holds the store's lock.

    Raises:
        TrackingError: it cannot be made.
    """
    from mlflow import MlflowClient

    if _is_made(database):
        return
    _quiet()
    made = database.resolve()
    partial = made.with_name(f"{made.name}.partial")
    for left in made.parent.glob(f"{partial.name}*"):  # and its journal
        left.unlink()
    with _usable(uri):
        MlflowClient(tracking_uri=f"{SQLITE}{partial}").search_experiments(max_results=1)
    partial.replace(made)


def _is_made(database: Path) -> bool:
    return database.exists() and database.stat().st_size > 0


def raced(uri: str, write: Callable[[], T]) -> T:
    """Does what several processes do first in a store, once each, whoever else does it now.

    MLflow looks whether a data set, a tag or an experiment is there, and then adds it: of two
    at once one fails on the other's. An SQLite store's lock lets one in at a time; a server has
    none, where the loser tries again and then finds it there.

    Args:
        uri: the store.
        write: writes; the same again changes nothing.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    for attempt in range(_TRIES):
        try:
            with locked(uri):
                return write()
        except (MlflowException, SQLAlchemyError) as error:
            if attempt == _TRIES - 1 or away.is_away(error):
                raise
            time.sleep(random.uniform(0, 0.2 * 2**attempt))
    raise AssertionError


def check(uri: str) -> None:
    """Refuses a store that cannot be reached or written, within seconds and without MLflow.

    Raises:
        TrackingError: says why, and what is accepted.
    """
    database = sqlite_path(uri)
    if database is not None:
        try:
            _check_database(uri, database)
        except OSError as error:  # a folder on the way that may not be looked into
            raise TrackingError(
                f"tracking.uri: received {uri}, which cannot be read ({error.strerror}); accepted: "
                "a file in a folder that you may write to"
            ) from None
    elif _is_server(uri):
        _check_server(uri)


def _check_database(uri: str, database: Path) -> None:
    if not database.parent.is_dir():
        raise TrackingError(
            f"tracking.uri: received {uri}, but the folder {database.parent} does not exist; "
            "make it, or choose another: tracking.uri=sqlite:///FILE"
        )
    if not database.exists():
        writable = os.access(database.parent, os.W_OK)
    elif not database.is_file():
        raise TrackingError(f"tracking.uri: received {uri}, but {database} is not a file")
    else:
        with database.open("rb") as file:
            header = file.read(16)
        if header not in (b"", b"SQLite format 3\0"):
            raise TrackingError(
                f"tracking.uri: received {uri}, but {database} is not an SQLite database"
            )
        writable = os.access(database, os.W_OK)
    if not writable:
        raise TrackingError(
            f"tracking.uri: received {uri}, which cannot be written; accepted: a file in a "
            "folder that you may write to"
        )


@contextmanager
def read_only(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection to an SQLite file that changes nothing, within the block.

    But for what a process left that was killed in the middle of a write: its journal must be
    rolled back before anybody can read, and only a connection that may write does that.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
        patiently(f"{SQLITE}{database}", lambda: _look(db, database))
        db.execute("PRAGMA busy_timeout = 30000")
        yield db


def require_answer(uri: str, *, writing: bool = True, seconds: float = SERVER_TIMEOUT) -> None:
    """Finds out within seconds whether a store is there: MLflow's own tries take far longer.

    Args:
        uri: the store.
        writing: whether it is to take something, as another process's long write has it not do.
        seconds: how many; others who write have an SQLite file locked for moments.

    Raises:
        Exception: it is away, as `away.is_away` knows it.
    """
    database = sqlite_path(uri)
    if database is not None:
        if database.exists():
            with closing(sqlite3.connect(database, timeout=seconds, isolation_level=None)) as db:
                db.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
                db.execute(_ANYTHING)
                db.execute("ROLLBACK")
    elif _is_server(uri):
        if writing:  # its client opens nothing
            _ask_server(uri, seconds)
    else:
        parts = urlsplit(uri)
        port = parts.port or _PORTS.get(parts.scheme.partition("+")[0])
        if parts.hostname is not None and port is not None:
            socket.create_connection((parts.hostname, port), seconds).close()


def _look(db: sqlite3.Connection, database: Path) -> None:
    try:
        db.execute(_ANYTHING).fetchone()
    except sqlite3.OperationalError as error:
        if away.is_away(error) or not database.with_name(f"{database.name}-journal").exists():
            raise
        with closing(sqlite3.connect(database)) as writing:
            writing.execute(_ANYTHING).fetchone()


def _refuse_foreign_database(uri: str, database: Path) -> None:
    """Keeps MLflow from adding its tables to a database of something else.

    The caller holds the store's lock, so MLflow's own tables are all there or none is.
    """
    if not database.exists():
        return
    try:
        with read_only(database) as db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        raise TrackingError(f"tracking.uri: received {uri}, which cannot be read ({error})") from (
            None
        )
    if tables and "experiments" not in tables:
        raise TrackingError(
            f"tracking.uri: received {uri}, but {database} is the database of something else; "
            "choose another file"
        )


def _login(uri: str) -> str:
    """USER:PASSWORD for a server, of its URI or of MLflow's own variables; "" without any."""
    parts = urlsplit(credentials.whole(uri))
    if parts.username is not None:
        return unquote(f"{parts.username}:{parts.password or ''}")
    user = os.environ.get("MLFLOW_TRACKING_USERNAME", "")
    return f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}" if user else ""


def _is_server(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def _check_server(uri: str) -> None:
    try:
        _ask_server(uri)
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "reason", error))
        if isinstance(error, urllib.error.HTTPError):
            reason = f"it answered {error.code} {error.reason}"
        raise away.AwayError(
            f"tracking.uri: no MLflow server answers at {uri} ({reason}); start it with `mlflow "
            "server`, or use tracking=local"
        ) from None


def _ask_server(uri: str, seconds: float = SERVER_TIMEOUT) -> None:
    """Asks a server whether it is there.

    Raises:
        OSError: it is not.
        ValueError: it cannot be.
    """
    request = urllib.request.Request(f"{uri.rstrip('/')}/health")
    login = _login(uri)
    if login:
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    try:
        urllib.request.urlopen(request, timeout=seconds).close()
    except urllib.error.HTTPError as error:
        if error.code not in (401, 403, 404):  # a proxy or an older server: MLflow speaks to it
            raise


def _experiment_id(uri: str, name: str, artifacts: str | None) -> str:
    with _usable(uri):
        found = _found_or_made(client(uri), name, artifacts)
    if found.lifecycle_stage == "deleted":
        raise TrackingError(
            f"tracking.experiment: {name!r} was deleted in {uri}; restore it there, or choose "
            "another name"
        )
    database = sqlite_path(uri)
    if database is not None:
        refuse_moved(uri, database, name, found.artifact_location)
    return str(found.experiment_id)


def _found_or_made(mlflow_client: Any, name: str, artifacts: str | None) -> Any:
    """An experiment, made where it is missing, also if somebody else makes it at this moment."""
    from mlflow.exceptions import MlflowException

    found = mlflow_client.get_experiment_by_name(name)
    if found is None:
        try:
            mlflow_client.create_experiment(name, artifact_location=artifacts)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        found = mlflow_client.get_experiment_by_name(name)
    return found


@contextmanager
def _usable(uri: str) -> Iterator[None]:
    """Makes a line of what MLflow says, within the block, of a store that it cannot use.

    Raises:
        TrackingError: with that line.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, MlflowException, sqlite3.Error, OSError, ImportError) as error:
        raise TrackingError(
            f"tracking.uri: received {uri}, which MLflow cannot use: {line_of(error)}"
        ) from None


def line_of(error: BaseException) -> str:
    """An error of a store in one line, without what must not be written."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = _PACKAGES.get(error.name, error.name)
        return f"the package {error.name} is not installed: pip install {package}"
    text = credentials.hidden(str(error)).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    return f"{line}: free some, or choose another place" if _FULL in line else line


@contextmanager
def told(uri: str = "of the runs") -> Iterator[None]:
    """Makes an error of a store that leaves the block one line.

    Raises:
        TrackingError: what the store, or the package that speaks to it, said.
    """
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _SPEAKING:
            raise
        raise TrackingError(
            f"the store {uri} could not be read or written ({line_of(error)}); what was trained "
            "is kept: the same command goes on from here"
        ) from error


def _quiet() -> None:
    """MLflow reports each table that it creates; users asked for a cell, not for that."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # it writes a traceback for each try of a store that is away
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"mlflow\..*", category=FutureWarning)
