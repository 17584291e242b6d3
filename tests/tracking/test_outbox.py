"""What is written to a run while its store is away: it waits on disk, and is delivered in order."""

import contextlib
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mlflow import MlflowClient

from harness.config import compose
from harness.tracking import away, cell_run, outbox
from harness.tracking.cell_run import FINAL_STEP, CellRun
from harness.tracking.journal import Journal
from tests.runs import locked, runs

CELL = "c" * 64


@pytest.fixture
def told(monkeypatch):
    lines = []
    monkeypatch.setattr(away, "tell", lines.append)
    return lines


@pytest.fixture
def config(store_uri):
    return compose([f"tracking.uri={store_uri}"])


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "work" / "cells" / "mine" / "journal")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """A store that is away is told within a moment, and tried again in the next one."""
    monkeypatch.setattr(outbox, "_FIRST", 0.2)
    monkeypatch.setattr(outbox, "_AGAIN", 0.1)
    monkeypatch.setattr(outbox, "_FRESH_SECONDS", 0.0)


def begin(config, journal, **options):
    return CellRun.begin(config, CELL, {"harness.kind": "cell"}, journal=journal, **options)


def file(folder: Path, name: str, content: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)
    return folder / name


def test_metrics_wait_on_disk_while_the_store_is_locked(config, journal, told, monkeypatch):
    run = begin(config, journal)
    run.log(1, {"loss": 4.0})
    run.flush()
    with locked(run.uri):
        for step in (2, 3):
            run.log(step, {"loss": 5.0 - step})
            began = time.monotonic()
            run.flush()
            assert time.monotonic() - began < 2, "training waited for the store"
        assert [point[3] for one in journal.read() for point in one["points"]] == [2, 3]
        assert len(told) == 1, "it is told once"
        assert "does not answer; training goes on, and what it logs waits in" in told[0]
        assert told[0].endswith(str(journal.folder.parents[1]))

    monkeypatch.setattr(outbox, "AWAY_SECONDS", 0.0)
    again = begin(config, journal)  # the first process was killed
    again.log(3, {"loss": 2.0})  # what it logs again is not doubled
    again.log(4, {"loss": 1.0})
    assert again.finish("")
    (found,) = runs(run.uri)
    assert found.history("loss") == [(1, 4.0), (2, 3.0), (3, 2.0), (4, 1.0)]
    assert not journal.folder.exists()


def test_all_that_is_written_waits_and_a_later_command_delivers_it(config, journal, told, tmp_path):
    run = begin(config, journal)
    with locked(run.uri):
        run.log(1, {"loss": 2.0})
        run.set_tags({"colour": "grey"})
        path = file(tmp_path / "temporary", "table.csv", "a,b")
        run.artifact(path, "tables")
        path.unlink()  # as a temporary folder does
        run.set_tags({"colour": "green"})
        run.log(0, {"size": 7.0})
        assert not run.finish("**done**")
        assert journal.is_finished()
        assert journal.find("tables", "table.csv").read_text() == "a,b"
    ended = time.time() * 1000

    outbox.deliver(journal)
    (found,) = runs(run.uri)
    assert found.status == "FINISHED"
    assert found.tags["colour"] == "green", "in the order in which they were written"
    assert found.tags["mlflow.note.content"] == "**done**"
    assert (found.history("loss"), found.history("size")) == ([(1, 2.0)], [(0, 7.0)])
    assert found.path("tables/table.csv").read_text() == "a,b"
    assert found.client.get_run(found.id).info.end_time <= ended, "when it ended, not when it came"
    assert not journal.folder.exists()


def test_a_run_that_could_not_be_made_is_made_when_its_store_is_back(
    config, journal, told, tmp_path
):
    with locked(config.tracking.uri):
        run = begin(config, journal)
        assert run.is_pending
        run.log(1, {"loss": 2.0})
        run.artifact(file(tmp_path, "MLmodel", f"run_id: {run.run_id}"), "model")
        run.set_tags({"model": f"of {run.run_id}"})
        run.finish("")
    outbox.deliver(journal)
    (found,) = runs(run.uri)
    assert found.status == "FINISHED"
    assert found.params["seed"] == "1"
    assert found.path("model/MLmodel").read_text() == f"run_id: {found.id}"
    assert found.tags["model"] == f"of {found.id}"
    assert cell_run.find_finished(config.tracking, CELL) == found.id


def test_a_sparse_run_names_its_dense_one_when_both_come_late(config, journal, told, tmp_path):
    other = Journal(tmp_path / "other")
    with locked(config.tracking.uri):
        begin(config, journal).finish("")
        CellRun.begin(config, "e" * 64, {"harness.dense_cell_id": CELL}, journal=other).finish("")
    for one in (journal, other):
        outbox.deliver(one)
    dense, sparse = runs(config.tracking.uri)
    assert sparse.tags["harness.dense_run_id"] == dense.id


def test_a_sparse_run_names_a_dense_one_whose_files_are_still_written(config, journal):
    dense = begin(config, journal)
    CellRun.begin(config, "e" * 64, {"harness.dense_cell_id": CELL}).finish("")
    (sparse,) = [one for one in runs(config.tracking.uri) if one.status == "FINISHED"]
    assert sparse.tags["harness.dense_run_id"] == dense.run_id


def test_what_was_killed_in_the_middle_of_delivering_is_delivered_once(
    config, journal, told, monkeypatch
):
    """Also if the store has taken what nobody noted that it has."""
    run = begin(config, journal)
    with locked(run.uri):
        for step in range(1, 6):
            run.log(step, {"loss": 1.0 * step})
            run.set_tags({"step": str(step)})
    sent = []

    def die(self, run_id, **given):
        if len(sent) == 5:
            raise KeyboardInterrupt
        sent.append(given)
        return log_batch(self, run_id, **given)

    log_batch = MlflowClient.log_batch
    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "log_batch", die)
        with pytest.raises(KeyboardInterrupt):
            outbox.deliver(journal)
    lines = journal.folder / "operations.jsonl"
    last = lines.read_text().splitlines()[-1]
    assert json.loads(last) == {"taken": 1}
    lines.write_text(lines.read_text().removesuffix(last + "\n"))
    outbox.deliver(journal)
    (found,) = runs(run.uri)
    points = found.client.get_metric_history(found.id, "loss")
    assert [(one.step, one.value) for one in points] == [(n, n) for n in range(1, 6)]
    assert found.tags["step"] == "5"


def test_an_interrupted_run_that_was_logged_to_unseen_has_no_point_twice(config, journal, told):
    """Its store came back after a second attempt had logged some steps again."""
    first = begin(config, journal)
    for step in (1, 2, 3):
        first.log(step, {"loss": 1.0 * step})
    first.fail("interrupted", "KILLED")
    with locked(first.uri):
        again = begin(config, journal)
        assert again.resumed
        for step in (3, 4):
            again.log(step, {"loss": 1.0 * step})
        again.finish("")
    outbox.deliver(journal)
    (found,) = runs(first.uri)
    assert (found.id, found.status) == (first.run_id, "FINISHED")
    assert found.history("loss") == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]
    assert "harness.failure" not in found.tags


def test_a_measure_that_an_attempt_left_behind_is_not_logged_again(config, journal, told):
    """It was killed between its measures and its end; times were taken anew since."""
    first = begin(config, journal)
    first.log(FINAL_STEP, {"time/step_ms": 4.0})
    first.fail("killed")
    again = begin(config, journal)
    again.finish("", {"time/step_ms": 5.0, "size/best_bytes": 7.0})
    (found,) = runs(again.uri)
    assert found.history("time/step_ms") == [(FINAL_STEP, 4.0)]
    assert found.history("size/best_bytes") == [(FINAL_STEP, 7.0)]


def test_a_cell_that_somebody_else_finished_meanwhile_is_left_to_them(config, journal, told):
    with locked(config.tracking.uri):
        run = begin(config, journal)
        run.log(1, {"loss": 1.0})
        run.finish("late")
    other = CellRun.begin(config, CELL, {})
    other.finish("first")
    outbox.deliver(journal)
    (found,) = runs(config.tracking.uri)
    assert found.tags["mlflow.note.content"] == "first"
    assert "loss" not in found.metrics


def test_what_waits_for_a_run_that_was_deleted_is_given_up(config, journal, told):
    run = begin(config, journal)
    with locked(run.uri):
        run.log(1, {"loss": 1.0})
        run.set_tags({"colour": "grey"})
    MlflowClient(tracking_uri=run.uri).delete_run(run.run_id)
    again = begin(config, journal)
    assert again.run_id != run.run_id
    assert not again.resumed
    again.finish("")
    (found,) = runs(run.uri)
    assert (found.id, found.metrics) == (again.run_id, {})


class _Copying(BaseHTTPRequestHandler):
    """A server of one run, which answers for a file once it has copied it."""

    def do_GET(self):
        place = f"mlflow-artifacts:/1/{CELL[:32]}/artifacts"
        run = {"info": {"run_id": CELL[:32], "artifact_uri": place}, "data": {}}
        known = "/health" in self.path or "/runs/get" in self.path
        self._answer(200 if known else 404, json.dumps({"run": run}).encode())

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.seconds)
        self.server.files.append((Path(self.path).name, content))
        self._answer(200, b"{}")

    def _answer(self, code, content):
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(OSError):  # of a client that has given up
            self.wfile.write(content)

    def log_message(self, *given):
        pass


def test_a_file_has_the_time_that_its_server_takes_to_copy_it(journal, told, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setattr(outbox, "_FIRST", 5.0)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Copying) as server:
        server.seconds, server.files = 2.5, []
        threading.Thread(target=server.serve_forever).start()
        try:
            sending = outbox.Outbox(f"http://127.0.0.1:{server.server_port}", journal, CELL[:32])
            sending.put("artifact", file=str(file(tmp_path, "big", "content")), folder="model")
            assert sending.flush()
        finally:
            server.shutdown()
    assert server.files == [("big", b"content")], "once"
    assert told == []
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "1", "of everything else"


def test_a_line_that_a_crash_cut_short_is_left_out(journal):
    journal.tell({"uri": "x"})
    journal.add([{"do": "tags", "tags": {"a": "1"}}, {"do": "tags", "tags": {"b": "2"}}])
    lines = journal.folder / "operations.jsonl"
    lines.write_bytes(lines.read_bytes()[:-4])
    assert [one["tags"] for one in journal.read()] == [{"a": "1"}]
    journal.add([{"do": "tags", "tags": {"c": "3"}}])
    journal.taken([{"do": "tags"}])
    assert [one["tags"] for one in journal.read()] == [{"c": "3"}], "and takes none with it"


def test_a_journal_that_is_delivered_while_it_is_read_has_nothing(journal, monkeypatch):
    monkeypatch.setattr(Path, "exists", lambda path: True)  # so it was a moment ago
    assert journal.read() == []
    assert not journal.is_finished()
