"""Stores: opened, shared by processes that start at once, and refused in one clear line."""

import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from harness.errors import TrackingError
from harness.tracking import beside, store
from tests.settings import environment, imported


def refusal(uri, experiment="e"):
    with pytest.raises(TrackingError) as caught:
        store.open_experiment(uri, experiment)
    line = str(caught.value)
    assert "\n" not in line
    assert uri in line
    return line


def test_a_folder_that_may_not_be_looked_into_is_refused(tmp_path, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", denied)  # root may look into any folder
    uri = f"sqlite:///{tmp_path / 'closed' / 'm.db'}"
    (tmp_path / "closed").mkdir()
    assert "cannot be read (Permission denied)" in refusal(uri)


def test_an_experiment_is_made_once(store_uri, tmp_path):
    first = store.open_experiment(store_uri, "demo")
    assert store.open_experiment(store_uri, "demo") == first
    assert store.open_experiment(store_uri, "other") != first
    found = MlflowClient(tracking_uri=store_uri).get_experiment(first)
    assert found.name == "demo"
    assert found.artifact_location == (tmp_path / "mlartifacts" / "demo").as_uri()


def test_an_experiment_that_somebody_makes_at_this_moment_is_found(store_uri, monkeypatch):
    first = store.open_experiment(store_uri, "demo")
    seen = []

    def look(client, name):
        seen.append(name)
        return found(client, name) if len(seen) > 1 else None

    found = MlflowClient.get_experiment_by_name
    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", look)
    assert store.open_experiment(store_uri, "demo") == first
    assert len(seen) == 2


def test_processes_that_open_an_empty_store_at_once_all_succeed(tmp_path):
    code = (
        "from harness.tracking.store import open_experiment as o; print(o('sqlite:///m.db', 'd'))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    results = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], results
    assert len({out for out, _ in results}) == 1
    assert all(err == "" for _, err in results), "the terminal is for the user"


#: Makes a store, and does at one of MLflow's first commits what is put in.
MAKING = """
import os, resource, signal
from sqlalchemy.engine.default import DefaultDialect
from harness.tracking import store
commit, calls = DefaultDialect.do_commit, []
def committed(*given):
    calls.append(given)
    if len(calls) == 20:
        {}
    return commit(*given)
DefaultDialect.do_commit = committed
store.open_experiment("sqlite:///mlflow.db", "demo")
"""


@pytest.mark.parametrize(
    ("happens", "code", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", -9, ""),
        ("resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))", 1, "MLflow cannot use: "),
    ],
    ids=["a kill", "no more room"],
)
def test_a_store_that_was_not_made_whole_is_made_again(tmp_path, happens, code, said):
    done = subprocess.run(
        [sys.executable, "-c", MAKING.format(happens)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert not (tmp_path / "mlflow.db").exists()
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert store.open_experiment(uri, "demo") == store.open_experiment(uri, "demo")
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "mlflow.db.locks"}


def test_a_missing_folder(tmp_path):
    assert "does not exist; make it" in refusal(f"sqlite:///{tmp_path}/no/mlflow.db")
    assert not list(tmp_path.iterdir())


def test_a_folder_is_no_store(tmp_path):
    (tmp_path / "x").mkdir()
    assert "is not a file" in refusal(f"sqlite:///{tmp_path}/x")


def test_another_file_is_no_store_and_stays_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all")
    assert "is not an SQLite database" in refusal(f"sqlite:///{path}")
    assert path.read_text() == "not a database at all"
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_the_database_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE orders (id INTEGER)")
    before = path.read_bytes()
    assert "the database of something else" in refusal(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_damaged_database(tmp_path):
    path = tmp_path / "mlflow.db"
    path.write_bytes(b"SQLite format 3\0" + b"rubbish" * 300)
    assert "cannot be read" in refusal(f"sqlite:///{path}")


@pytest.mark.usefixtures("mortal")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    try:
        line = refusal(f"sqlite:///{tmp_path}/mlflow.db")
        # Of root, access(2) asks what it could give itself: then the first write tells.
        assert "cannot be written" in line or "cannot write beside" in line
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_cannot_be_written_for_anyone():
    assert "cannot" in refusal("sqlite:////proc/mlflow.db")


def test_an_unreachable_server():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = refusal(f"http://127.0.0.1:{port}")
    assert "no MLflow server answers" in line
    assert "tracking=local" in line


@pytest.mark.parametrize(
    ("scheme", "module", "package"),
    [
        ("postgresql+psycopg2", "psycopg2", "psycopg2-binary"),
        ("postgresql", "psycopg", "psycopg"),
        ("mysql", "MySQLdb", "mysqlclient"),
    ],
)
def test_a_database_without_its_driver_says_what_to_install(monkeypatch, scheme, module, package):
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with socket.create_server(("127.0.0.1", 0)) as listening:
        line = refusal(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/none")
    assert f"the package {module} is not installed: pip install {package}" in line


def test_a_deleted_experiment(store_uri):
    made = store.open_experiment(store_uri, "demo")
    MlflowClient(tracking_uri=store_uri).delete_experiment(made)
    with pytest.raises(TrackingError, match="'demo' was deleted"):
        store.open_experiment(store_uri, "demo")


def test_checking_a_store_makes_nothing_and_needs_no_mlflow(tmp_path):
    code = f"from harness.tracking import store; store.check('sqlite:///{tmp_path}/mlflow.db')"
    assert imported(code, ["mlflow", "sqlalchemy"]) == set()
    assert not list(tmp_path.iterdir())


def test_locks_lie_beside_a_database_or_in_the_work_folder(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert beside.lock_dir(uri, "work") == tmp_path / "mlflow.db.locks"
    assert beside.lock_dir("http://host", str(tmp_path)) == tmp_path / "locks"
    assert beside.sqlite_path("http://host") is None
    assert beside.sqlite_path("sqlite:///m.db") == Path("m.db").absolute()
