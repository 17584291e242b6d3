"""Stores that go away under a sweep: it goes on, nothing is lost, and nothing is there twice."""

import io
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest
from rich.console import Console

from harness.cell import delivery
from harness.config import compose, credentials
from harness.errors import WAITING
from harness.sweep import launch
from harness.sweep.plan import plan
from harness.tracking import store
from harness.tracking.journal import Journal
from harness.tracking.runs import Finished
from tests.conftest import SWEEP
from tests.runs import Run, assert_same_numbers, assert_same_weights, by_sparsity, locked, runs
from tests.servers import Server
from tests.settings import TINY, command, environment, harness

SECONDS = 300.0


def has_loaded_data(database: Path, seed: str = "1") -> bool:
    """Whether a cell is about to build its model and train."""
    query = """
        SELECT count(*) FROM tags JOIN params USING (run_uuid)
        WHERE tags.key = 'harness.data' AND params.key = 'seed' AND params.value = ?
    """
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
            return bool(db.execute(query, (seed,)).fetchone()[0])
    except sqlite3.OperationalError:  # not all tables are made
        return False


def has_points(database: Path) -> bool:
    """Whether a cell has told of its training."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
            query = "SELECT count(*) FROM metrics WHERE key = 'train/loss'"
            return bool(db.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return False


def finished_waiting(folder: Path) -> int:
    """How many cells have ended with all that they wrote on disk."""
    return sum(one.is_finished() for one in delivery.journals(str(folder / "work")))


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def wait_for(found: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not found():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def then(found: Callable[[], object], act: Callable[[], object]) -> threading.Thread:
    """Acts as soon as something is so, while the test goes on."""

    def watch() -> None:
        wait_for(found)
        act()

    watching = threading.Thread(target=watch)
    watching.start()
    return watching


class Lines:
    """What a process prints, each line with the moment at which it came."""

    def __init__(self, stream: IO[str]):
        self._came: list[tuple[float, str]] = []
        self._reading = threading.Thread(target=self._read, args=(stream,))
        self._reading.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            self._came.extend((time.monotonic(), line) for line in stream)

    def all(self) -> str:
        """All of it, once the process has ended."""
        self._reading.join()
        return "".join(line for _, line in self._came)

    def first(self, text: str) -> float:
        """The moment of the first line that has this text."""
        whole = self.all()
        assert text in whole, whole
        return min(moment for moment, line in self._came if text in line)


def assert_as_undisturbed(found: dict[str, Run], undisturbed: dict[str, Run]) -> None:
    assert found.keys() == undisturbed.keys()
    for name, run in found.items():
        assert run.status == "FINISHED"
        assert run.tags["harness.complete"] == "true"
        assert_same_numbers(run, undisturbed[name])
        assert_same_weights(run, undisturbed[name])
        assert run.files() == undisturbed[name].files()
        for key in run.metrics:
            steps = [step for step, _ in run.history(key)]
            assert len(steps) == len(set(steps)), f"{name}: {key} has steps twice"
        model = run.path("model/MLmodel").read_text()
        assert run.id in model, "a run's model names its run"
    assert found["random"].tags["harness.dense_run_id"] == found["dense"].id


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path).start()
    yield made
    made.kill()


def test_a_server_that_never_comes_back(swept, server, tmp_path, monkeypatch):
    """The sweep trains on and ends; what waits goes to where the server is later.

    It is reached with a password, which stands in no file, whatever was written meanwhile.
    """
    (tmp_path / "tiny.yaml").write_text(SWEEP)
    monkeypatch.setenv("HARNESS_PATIENCE", "1")
    monkeypatch.setenv(credentials.VARIABLE, "")
    uri = server.uri.replace("http://", "http://ann:s3cret@")
    killing = then(lambda: has_loaded_data(tmp_path / "server.db"), server.kill)
    done = harness("sweep", "tiny.yaml", f"tracking.uri={uri}", cwd=tmp_path)
    killing.join()
    assert credentials.whole(server.uri) == uri
    assert not [each for each in files_of(tmp_path) if b"s3cret" in each.read_bytes()]
    assert "s3cret" not in done.stdout + done.stderr
    assert done.returncode == WAITING, done.stdout + done.stderr
    lines = (done.stdout + done.stderr).splitlines()
    said = [line for line in lines if "does not answer" in line and "not delivered" not in line]
    where = "training goes on, and what it logs waits in"
    assert sum(where in line for line in said) == 1, "once, for all cells"
    told = f"harness: the store {server.uri} does not answer; waiting for it"
    assert set(done.stderr.splitlines()) == {told}
    assert done.stdout.count("✓") == 3
    waiting = [line for line in done.stdout.splitlines() if line.startswith("not delivered: ")]
    assert len(waiting) == 3
    for line in waiting:
        assert f"/journal (the store {server.uri} does not answer); to deliver it: " in line
        assert line.endswith(": harness deliver work")
    assert finished_waiting(tmp_path) == 4, "three cells, and the end of the sweep's own run"

    refused = harness("sweep", "tiny.yaml", f"tracking.uri={server.uri}", cwd=tmp_path)
    assert refused.returncode == 2, "it is away from the start"
    assert "no MLflow server answers" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1

    later = Server(tmp_path).start()
    try:
        delivered = harness("deliver", "--uri", later.uri, cwd=tmp_path)
        assert (delivered.returncode, delivered.stderr) == (0, ""), delivered.stdout
        names = [line for line in delivered.stdout.splitlines() if line.startswith("delivered: ")]
        *cells, parent = names
        assert [name.split(" · ")[1] for name in cells] == ["dense", "random 75%", "2 by 4"]
        assert parent == "delivered: the sweep's run, A small net on digits"
        assert [run.status for run in runs(later.uri, "sweep")] == ["FINISHED"]
        assert_as_undisturbed(by_sparsity(later.uri), by_sparsity(swept.uri))
        assert not list((tmp_path / "work" / "cells").iterdir())
        again = harness("deliver", cwd=tmp_path)
        assert (again.returncode, again.stdout.strip()) == (0, "Nothing waits in work.")
    finally:
        later.kill()


@pytest.mark.slow
def test_killed_while_things_wait_for_a_locked_store(swept, tmp_path):
    """The same command delivers what the killed one left, and runs what it had not."""
    (tmp_path / "tiny.yaml").write_text(SWEEP)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    process = subprocess.Popen(
        command("sweep", "tiny.yaml"), cwd=tmp_path, env=environment(), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    said = Lines(process.stdout)
    wait_for(lambda: has_loaded_data(tmp_path / "mlflow.db"))
    with locked(uri):
        since = time.monotonic()
        wait_for(lambda: finished_waiting(tmp_path) or process.poll() is not None)
        assert process.poll() is None, said.all()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
    assert said.first("does not answer; training goes on") - since < 30
    done = harness("sweep", "tiny.yaml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "delivered: mnist_cnn · dense" in done.stdout
    assert "1 of 3 cells are finished already" in done.stdout, "the dense one is not run again"
    assert_as_undisturbed(by_sparsity(uri), by_sparsity(swept.uri))
    (parent,) = runs(uri, "sweep")
    assert parent.status == "FINISHED"
    assert not list((tmp_path / "work" / "cells").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [25, 50])
def test_a_store_locked_for_long_in_mid_sweep(swept, tmp_path, seconds):
    (tmp_path / "tiny.yaml").write_text(SWEEP)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"

    def lock() -> None:
        with locked(uri):
            time.sleep(seconds)

    locking = then(lambda: has_loaded_data(tmp_path / "mlflow.db"), lock)
    done = harness("sweep", "tiny.yaml", cwd=tmp_path)
    locking.join()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "training goes on, and what it logs waits in" in done.stdout
    assert "not delivered" not in done.stdout
    assert_as_undisturbed(by_sparsity(uri), by_sparsity(swept.uri))


@pytest.mark.slow
def test_a_server_that_is_started_again_in_mid_cell(server, tmp_path):
    """A cell of a minute, of which its store is away for a third."""
    cell = (*TINY, "training.dense.steps=4000", "training.log_every=5", "export.formats=[]")
    (tmp_path / "undisturbed").mkdir()
    whole = harness("run", *cell, cwd=tmp_path / "undisturbed")
    assert whole.returncode == 0, whole.stdout

    def restart() -> None:
        server.kill()
        time.sleep(20)
        server.start()

    restarting = then(lambda: has_points(tmp_path / "server.db"), restart)
    done = harness("run", *cell, f"tracking.uri={server.uri}", cwd=tmp_path)
    restarting.join()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "does not answer; training goes on" in done.stdout
    undisturbed = by_sparsity(f"sqlite:///{tmp_path / 'undisturbed' / 'mlflow.db'}")
    (run,) = runs(server.uri)
    assert run.status == "FINISHED"
    assert_same_numbers(run, undisturbed["dense"])
    assert_same_weights(run, undisturbed["dense"])
    steps = [one.step for one in run.client.get_metric_history(run.id, "train/loss")]
    assert steps == list(range(5, 4001, 5)), "in order, each once"


def test_a_run_that_a_store_does_not_close_keeps_no_other_waiting(store_uri, tmp_path, monkeypatch):
    for name in ("one", "another"):
        journal = Journal(tmp_path / "cells" / name / "journal")
        about = {"trained": name, "cell": name, "experiment": "e", "since": "1"}
        journal.tell({**about, "uri": store_uri, "name": name})
        journal.add([{"do": "tags", "tags": {}}])

    def ask(*given):
        store.client(store_uri).get_run("0" * 32)

    monkeypatch.setattr(delivery.outbox, "deliver", lambda *given: None)
    monkeypatch.setattr(delivery.cell_run, "close_abandoned", ask)
    left = delivery.deliver([str(tmp_path)])
    assert sorted(one.name for one in left) == ["another", "one"]
    assert "could not be read or written" in left[0].reason


def test_an_interrupt_while_the_last_is_delivered_tells_what_waits(tmp_path, monkeypatch):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    overrides = (f"tracking.uri={uri}", f"work_dir={tmp_path / 'work'}")
    (cell,) = plan([(compose(overrides), overrides)])
    journal = Journal(tmp_path / "work" / "cells" / "another" / "journal")
    about = {"trained": cell.trained, "cell": cell.id, "experiment": "e", "since": "1"}
    journal.tell({**about, "uri": uri, "name": "the cell"})
    journal.add([{"do": "tags", "tags": {}}])

    def interrupted(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "finished", lambda cells: Finished({cell.id: "run"}))
    monkeypatch.setattr(launch, "deliver_first", lambda *given: None)
    monkeypatch.setattr(launch, "deliver", interrupted)
    console = Console(file=io.StringIO(), width=500)
    monkeypatch.setattr(launch, "_console", console)
    with pytest.raises(KeyboardInterrupt):
        launch.launch([(compose(overrides), overrides)])
    said = console.file.getvalue()
    assert "not delivered: the cell waits in " in said
    assert "(interrupted)" in said
