import contextlib
import http.server
import signal
import socket
import sqlite3
import subprocess
import sys
import threading

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from harness.errors import TrackingError
from harness.tracking import backends
from harness.tracking import store as stores
from harness.tracking.backends import NoRunsError
from harness.tracking.runs import read_histories, read_runs
from tests.servers import Server


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Runs of every kind: duplicates of a resume, NaN, deleted, running, without data."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("kinds")
    client.create_experiment("empty")
    other = client.create_experiment("other")
    client.log_metric(client.create_run(other).info.run_id, "elsewhere", 1.0)
    for i in range(4):
        run = client.create_run(experiment, start_time=1_700_000_000_000 + i, run_name=f"r{i}")
        client.log_param(run.info.run_id, "seed", str(i))
        client.log_param(run.info.run_id, f"only.{i}", "yes")
        client.set_tag(run.info.run_id, "harness.kind", "cell")
        if i < 3:
            client.set_terminated(run.info.run_id, "FINISHED", end_time=1_700_000_001_000)
        client.log_batch(
            run.info.run_id,
            metrics=[
                Metric("loss", 0.5, 10, 1),
                Metric("loss", 0.4, 20, 2),
                Metric("loss", 0.3, 20, 1),  # the last step again: a resumed run
                Metric("test/accuracy", float("nan") if i == 1 else i / 10, 0, 0),
                Metric("infinite", float("inf") if i == 2 else -float("inf"), 0, 0),
            ],
        )
    client.create_run(experiment, start_time=1_700_000_000_000)
    gone = client.create_run(experiment)
    client.log_metric(gone.info.run_id, "of_the_deleted", 1.0)
    client.delete_run(gone.info.run_id)
    return uri


def by_client_only(monkeypatch):
    """Has an SQLite store read as any other is."""
    monkeypatch.setattr(stores, "sqlite_path", lambda uri: None)


def _searched(uri, experiment):
    """What mlflow.search_runs finds, in the reader's columns."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        found = mlflow.search_runs(experiment_names=[experiment])
    finally:
        mlflow.set_tracking_uri(before)
    fixed = ["run_id", "experiment_id", "status", "start_time", "end_time"]
    dotted = sorted(c for c in found.columns if c.startswith(("params.", "tags.", "metrics.")))
    return found[[*fixed, *dotted]].copy()


def _same(found, expected):
    """Compares the frames, whatever stands for a text that a run does not have."""
    for column in expected.columns:
        if column.startswith(("params.", "tags.")):
            text = expected[column].astype(object)
            expected[column] = text.where(text.notna(), None)
    pd.testing.assert_frame_equal(
        found.sort_values("run_id", ignore_index=True)[sorted(found.columns)],
        expected.sort_values("run_id", ignore_index=True)[sorted(expected.columns)],
        check_dtype=False,
    )


def test_equals_search_runs(store):
    found = read_runs(store, "kinds")
    assert len(found) == 5
    _same(found, _searched(store, "kinds"))


def test_the_client_gives_the_same_frame_page_by_page(store, monkeypatch):
    by_sql = read_runs(store, "kinds")
    monkeypatch.setattr(backends, "_PAGE", 2)
    by_client_only(monkeypatch)
    pd.testing.assert_frame_equal(read_runs(store, "kinds"), by_sql)


def test_the_last_value_is_the_last_step_then_the_last_time(store):
    assert set(read_runs(store, "kinds")["metrics.loss"].dropna()) == {0.4}


def test_histories_are_those_asked_for_step_by_step_the_later_value_of_a_step(store):
    runs = read_runs(store, "kinds")
    ids = list(runs.loc[runs["params.seed"].isin(["0", "1"]), "run_id"])
    expected = {"loss": [(1, 0.3), (2, 0.4)]}
    found = read_histories(store, ids, ["loss", "nothing"])
    assert found == dict.fromkeys(ids, expected)
    assert read_histories(store, [], ["loss"]) == {}
    nan = runs.loc[runs["params.seed"] == "1", "run_id"].item()
    assert read_histories(store, [nan], ["test/accuracy"]) == {}


def test_the_client_gives_the_same_histories(store, monkeypatch):
    ids = list(read_runs(store, "kinds")["run_id"])
    keys = ["loss", "test/accuracy"]
    by_sql = read_histories(store, ids, keys)
    assert by_sql
    by_client_only(monkeypatch)
    assert read_histories(store, ids, keys) == by_sql


def test_newest_first(store):
    starts = read_runs(store, "kinds")["start_time"]
    assert starts.is_monotonic_decreasing
    assert str(starts.dt.tz) == "UTC"


def test_an_experiment_without_runs(store):
    found = read_runs(store, "empty")
    assert found.empty
    assert {"run_id", "status", "start_time", "end_time"} <= set(found.columns)


def test_reading_changes_nothing(store):
    path = store.removeprefix("sqlite:///")
    with open(path, "rb") as file:
        before = file.read()
    read_runs(store, "kinds")
    with open(path, "rb") as file:
        assert file.read() == before


def test_a_missing_experiment_says_which_there_are(store, monkeypatch):
    for _ in range(2):
        with pytest.raises(NoRunsError, match=r"no experiment 'none' \(it has: .*empty, kinds"):
            read_runs(store, "none")
        by_client_only(monkeypatch)


def test_a_missing_store_is_not_made(tmp_path):
    with pytest.raises(NoRunsError, match="there is no MLflow store at"):
        read_runs(f"sqlite:///{tmp_path}/none.db", "demo")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not a database at all, but text" * 40])
def test_a_file_that_is_no_store(tmp_path, content):
    (tmp_path / "x.db").write_bytes(content)
    with pytest.raises(TrackingError, match="cannot be read as an MLflow store") as caught:
        read_runs(f"sqlite:///{tmp_path}/x.db", "demo")
    assert "\n" not in str(caught.value)


def test_an_unreachable_server_is_refused_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(TrackingError, match="no MLflow server answers"):
        read_runs(f"http://127.0.0.1:{port}", "demo")


def test_a_server_that_is_no_mlflow_is_one_clear_line():
    class NotMlflow(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), NotMlflow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(TrackingError, match="cannot be read") as caught:
            read_runs(f"http://127.0.0.1:{server.server_port}", "demo")
        server.shutdown()
    assert "\n" not in str(caught.value)


def test_reads_a_store_that_is_being_written_in_wal_mode(tmp_path):
    path = tmp_path / "mlflow.db"
    client = MlflowClient(tracking_uri=f"sqlite:///{path}")
    run = client.create_run(client.create_experiment("demo"))
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("BEGIN IMMEDIATE")  # a writer in the middle of its work
        db.execute("UPDATE runs SET status = 'FAILED'")
        found = read_runs(f"sqlite:///{path}", "demo")
    assert list(found["status"]) == ["RUNNING"]
    assert list(found["run_id"]) == [run.info.run_id]


#: Changes every run, and dies when pages of the change have gone to the file.
DYING = """
import os, signal, sqlite3
db = sqlite3.connect("mlflow.db", isolation_level=None)
db.execute("PRAGMA cache_size=1")
db.execute("BEGIN IMMEDIATE")
db.execute("UPDATE runs SET status = 'FAILED'")
(run,) = db.execute("SELECT run_uuid FROM runs LIMIT 1").fetchone()
for step in range(3000):
    db.execute("INSERT INTO metrics VALUES ('loss', 1.0, ?, ?, ?, 0)", (step, run, step))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_is_rolled_back(tmp_path):
    path = tmp_path / "mlflow.db"
    client = MlflowClient(tracking_uri=f"sqlite:///{path}")
    run = client.create_run(client.create_experiment("demo")).info.run_id
    client.log_metric(run, "loss", 0.5)
    done = subprocess.run([sys.executable, "-c", DYING], cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL
    journal = path.with_name("mlflow.db-journal")
    assert journal.exists(), "nothing is to be rolled back"
    found = read_runs(f"sqlite:///{path}", "demo")
    assert list(found["status"]) == ["RUNNING"]
    assert not journal.exists()


@pytest.mark.slow
def test_a_real_server_gives_the_same_frame(store, tmp_path):
    server = Server(tmp_path, backend=store).start()
    try:
        found = read_runs(server.uri, "kinds")
        ids = list(found["run_id"])
        steps = read_histories(server.uri, ids, ["loss"])
    finally:
        server.kill()
    pd.testing.assert_frame_equal(found, read_runs(store, "kinds"))
    assert steps == read_histories(store, ids, ["loss"])
