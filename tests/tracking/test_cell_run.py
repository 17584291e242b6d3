"""A cell's run: taken up again, written in batches, closed honestly."""

import dataclasses
import errno
import math
import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mlflow import MlflowClient

from harness.config import compose
from harness.errors import TrackingError
from harness.tracking import cell_run, outbox, store
from harness.tracking.cell_run import CellRun
from harness.tracking.journal import Journal
from harness.tracking.runs import find_all
from tests.forked import begin, result
from tests.runs import runs
from tests.tracking.test_runs import by_client_only

CELL = "c" * 64
DIGITS = {
    "dataset": {
        "name": "digits", "digest": "d" * 16, "source_type": "harness", "source": "{}",
        "schema": "{}", "profile": "{}",
    },
    "tags": {"mlflow.data.context": "training"},
}  # fmt: skip


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"


@pytest.fixture
def config(uri, request):
    """A config whose runs go to an experiment of the test's own."""
    name = request.node.name.replace("[", "-").replace("]", "")
    return compose([f"tracking.uri={uri}", f"tracking.experiment={name}", "sparsity=random"])


@pytest.fixture
def run(config):
    return CellRun.begin(config, CELL, {"harness.scale": "small"})


def data(run):
    return MlflowClient(tracking_uri=run.uri).get_run(run.run_id)


def history(run, key):
    points = MlflowClient(tracking_uri=run.uri).get_metric_history(run.run_id, key)
    return [(point.step, point.value) for point in points]


def test_a_run_begins_with_what_it_is(run, config):
    found = data(run)
    assert found.info.status == "RUNNING"
    assert found.info.run_name == "mnist_cnn · random 50% · seed 1"
    assert found.data.tags["harness.cell_id"] == CELL
    assert found.data.tags["harness.complete"] == "false"
    assert found.data.tags["harness.scale"] == "small"
    assert found.data.params["sparsity.target"] == "0.5"


def test_metrics_wait_until_a_batch_is_full(run, monkeypatch):
    monkeypatch.setattr(cell_run, "BATCH", 4)
    monkeypatch.setattr(outbox, "BATCH", 4)
    run.log(1, {"a": 1.0, "b": 2.0, "c": 3.0})
    assert history(run, "a") == []
    run.log(2, {"a": 4.0})
    assert history(run, "a") == [(1, 1.0), (2, 4.0)]


def test_metrics_go_out_after_a_while(run, monkeypatch):
    run.log(1, {"a": 1.0})
    assert history(run, "a") == []
    monkeypatch.setattr(cell_run, "FLUSH_SECONDS", 0.0)
    run.log(2, {"a": 2.0})
    assert history(run, "a") == [(1, 1.0), (2, 2.0)]


def test_metrics_are_kept_as_they_should_be_read(run):
    run.log(0, {"mean": 0.3421874940395355, "count": 23_851_784, "tiny": 6.8521501361829e-7})
    run.log(0, {"none": float("nan"), "rate": 1e-300})
    run.flush()
    metrics = data(run).data.metrics
    assert metrics["mean"] == 0.342187
    assert metrics["count"] == 23_851_784
    assert metrics["tiny"] == 6.85215e-7
    assert math.isnan(metrics["none"])
    assert metrics["rate"] == 1e-300


def test_nothing_is_lost_over_many_batches(run):
    for step in range(3 * cell_run.BATCH + 7):
        run.log(step, {"loss": step / 8})
    run.flush()
    assert history(run, "loss") == [(s, s / 8) for s in range(3 * cell_run.BATCH + 7)]


def test_a_batch_that_is_not_taken_stays_in_the_buffer(run, monkeypatch):
    run.log(1, {"a": 1.0})

    def refuse(*args, **kwargs):
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "log_batch", refuse)
        with pytest.raises(ConnectionError):
            run.flush()
    run.flush()
    assert history(run, "a") == [(1, 1.0)]


def test_finishing_sends_what_waits_and_completes(run, config):
    run.log(1, {"a": 1.0})
    run.finish("**it is done**")
    found = data(run)
    assert found.info.status == "FINISHED"
    assert found.data.tags["harness.complete"] == "true"
    assert found.data.tags["mlflow.note.content"] == "**it is done**"
    assert history(run, "a") == [(1, 1.0)]
    assert cell_run.find_finished(config.tracking, CELL) == run.run_id
    run.set_tags({"harness.trained_id": "d" * 64})
    assert cell_run.require_trained(config.tracking, "d" * 64) == run.run_id


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_a_failed_run_is_taken_up_again_and_loses_its_failure(run, config, status):
    run.log(1, {"a": 1.0})
    run.fail("it broke", status)
    found = data(run)
    assert found.info.status == status
    assert found.data.tags["harness.failure"] == "it broke"
    assert history(run, "a") == [(1, 1.0)]
    assert cell_run.find_finished(config.tracking, CELL) is None

    again = CellRun.begin(config, CELL, {})
    assert again.run_id == run.run_id
    found = data(again)
    assert found.info.status == "RUNNING"
    assert "harness.failure" not in found.data.tags
    again.log(2, {"a": 2.0})
    again.finish("")
    assert history(again, "a") == [(1, 1.0), (2, 2.0)]


def test_a_run_whose_process_died_is_closed_and_taken_up_again(run, config):
    cell_run.close_abandoned(config.tracking, CELL, "killed by SIGKILL")
    assert data(run).info.status == "FAILED"
    assert data(run).data.tags["harness.failure"] == "killed by SIGKILL"
    assert CellRun.begin(config, CELL, {}).run_id == run.run_id


def test_closing_the_abandoned_leaves_finished_runs_alone(run, config):
    run.finish("")
    cell_run.close_abandoned(config.tracking, CELL, "killed")
    assert data(run).info.status == "FINISHED"


def test_other_cells_have_other_runs(run, config):
    other = CellRun.begin(dataclasses.replace(config, seed=2), "d" * 64, {})
    assert other.run_id != run.run_id


def test_missing_weights_are_one_clear_line(config, run):
    with pytest.raises(TrackingError, match=r"weights eeeeeeeeeeeeeeee are of no finished cell"):
        cell_run.require_trained(config.tracking, "e" * 64)


def test_a_data_set_that_another_cell_has_just_logged_is_logged_again(run, monkeypatch):
    from mlflow.exceptions import MlflowException

    calls = []

    def send(client, run_id, datasets):
        calls.append((run_id, datasets))
        if len(calls) == 1:
            raise MlflowException("UNIQUE constraint failed: datasets.experiment_id")

    monkeypatch.setattr(MlflowClient, "log_inputs", send)
    run.log_inputs([DIGITS])
    assert [run_id for run_id, _ in calls] == [run.run_id] * 2
    assert [given.dataset.name for _, (given,) in calls] == ["digits"] * 2


def test_artifacts_come_back(run, tmp_path):
    (tmp_path / "x.txt").write_text("hello")
    run.artifact(tmp_path / "x.txt", "folder")
    with cell_run.fetched(run.uri, run.run_id, "folder/x.txt") as path:
        assert path.read_text() == "hello"
    assert not path.exists(), "a copy for the block alone"


def unread(uri, run_id, name):
    """What is said of an artifact that cannot be had."""
    with pytest.raises(TrackingError) as caught, cell_run.fetched(uri, run_id, name):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_run_is_to_be_deleted_only_for_an_artifact_that_is_gone(run, tmp_path, mortal):
    (tmp_path / "x.txt").write_text("hello")
    run.artifact(tmp_path / "x.txt", "folder")
    kept = store.client(run.uri).get_run(run.run_id).info.artifact_uri
    said = unread(run.uri, run.run_id, "model/none")
    assert f"{run.run_id}: its artifact model/none is not in {kept}; bring it back, or del" in said
    path = Path(urlsplit(kept).path, "folder", "x.txt")
    path.chmod(0)
    said = unread(run.uri, run.run_id, "folder/x.txt")
    assert "folder/x.txt cannot be read ([Errno 13] Permission denied: " in said
    assert "delete the run" not in said
    said = unread(run.uri, "f" * 32, "folder/x.txt")
    assert said.startswith(f"there is no run {'f' * 32} in {run.uri}; tracking.uri=")


def test_a_full_disk_is_no_fault_of_the_run_whose_artifact_is_copied(run, tmp_path, monkeypatch):
    (tmp_path / "x.txt").write_text("hello")
    run.artifact(tmp_path / "x.txt", "folder")

    def full(*given, **named):
        raise OSError(errno.ENOSPC, "No space left on device", "x.txt")

    monkeypatch.setattr(shutil, "copy2", full)
    said = unread(run.uri, run.run_id, "folder/x.txt")
    assert said.startswith(f"No space left on device ({tempfile.gettempdir()}): free some, or")


def test_why_a_run_failed_names_no_password(run):
    run.fail("MlflowException: API request to http://ann:s3cret@host:5000/api failed")
    found = data(run).data.tags["harness.failure"]
    assert found == "MlflowException: API request to http://host:5000/api failed"


def test_long_tags_are_cut_rather_than_refused(run):
    run.fail("x" * 20_000)
    assert data(run).data.tags["harness.failure"].startswith("x" * 1000)


def test_what_is_finished_is_the_same_by_sql_and_by_the_client(uri, config, monkeypatch):
    from harness.tracking.sweep_run import SweepRun

    with SweepRun.begin(config.tracking, "s", "title", "command") as parent:
        parent_id = parent.run_id
    for number in range(4):
        made = CellRun.begin(config, f"{number}" * 64, {"mlflow.parentRunId": parent_id})
        if number:
            made.finish("")
    failed = CellRun.begin(config, "f" * 64, {})
    failed.fail("")
    deleted = CellRun.begin(config, "d" * 64, {})
    deleted.finish("")
    MlflowClient(tracking_uri=uri).delete_run(deleted.run_id)

    name = config.tracking.experiment
    by_sql = find_all(uri, name)
    by_client_only(monkeypatch)
    assert find_all(uri, name) == by_sql
    assert by_sql.cells.keys() == {f"{number}" * 64 for number in (1, 2, 3)}
    assert by_sql.sweeps == {"s": parent_id}
    assert set(by_sql.parents.values()) == {parent_id}
    assert by_sql.whole("s", ["1" * 64, "2" * 64])
    assert not by_sql.whole("s", ["1" * 64, "0" * 64])
    assert not by_sql.whole("other", ["1" * 64])


def test_of_duplicates_the_newest_counts_in_both(uri, config, monkeypatch):
    client = MlflowClient(tracking_uri=uri)
    run = CellRun.begin(config, CELL, {})
    run.finish("")
    experiment = client.get_run(run.run_id).info.experiment_id
    newer = client.create_run(experiment, start_time=client.get_run(run.run_id).info.start_time + 1)
    for key, value in {"harness.cell_id": CELL, "harness.complete": "true"}.items():
        client.set_tag(newer.info.run_id, key, value)
    client.set_terminated(newer.info.run_id, "FINISHED")
    name = config.tracking.experiment
    assert find_all(uri, name).cells == {CELL: newer.info.run_id}
    assert cell_run.find_finished(config.tracking, CELL) == newer.info.run_id
    by_client_only(monkeypatch)
    assert find_all(uri, name).cells == {CELL: newer.info.run_id}


def test_where_there_is_no_store_nothing_is_finished_and_nothing_is_made(tmp_path):
    found = find_all(f"sqlite:///{tmp_path / 'none.db'}", "demo")
    assert found == type(found)()
    assert not list(tmp_path.iterdir())


def test_eight_cells_log_a_new_data_set_at_once(config):
    """MLflow looks whether it is there, and adds it: of two at once one fails."""
    cells = [CellRun.begin(config, f"{number:064d}", {}) for number in range(8)]
    together = threading.Barrier(len(cells))

    def log(run):
        together.wait()
        run.log_inputs([DIGITS])

    with ThreadPoolExecutor(len(cells)) as pool:
        list(pool.map(log, cells))
    for run in cells:
        (found,) = data(run).inputs.dataset_inputs
        assert found.dataset.name == "digits"


STEPS = 200


def write(folder, number):
    """A cell's run from its beginning to its end, as the cell's process writes it."""
    config = compose([f"tracking.uri=sqlite:///{folder / 'mlflow.db'}", f"seed={number}"])
    journal = Journal(folder / str(number))
    run = CellRun.begin(config, f"{number:064d}", {}, journal=journal)
    for step in range(1, STEPS + 1):
        run.log(step, {"train/loss": number * STEPS + step})
        if step % 20 == 0:
            run.flush()
    if not run.finish("written"):  # the others had the store for longer than a cell waits
        outbox.deliver(journal)


def test_eight_processes_write_to_a_fresh_store_at_once(tmp_path):
    numbers = range(1, 9)
    writers = [begin(write, tmp_path, each, log=tmp_path / f"{each}.txt") for each in numbers]
    for writer in writers:
        result(writer)
    found = runs(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert sorted(int(run.tags["harness.cell_id"]) for run in found) == list(numbers)
    for run in found:
        assert run.status == "FINISHED"
        first = int(run.tags["harness.cell_id"]) * STEPS
        expected = [(step, first + step) for step in range(1, STEPS + 1)]
        assert run.history("train/loss") == expected
