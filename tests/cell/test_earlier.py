"""What a sparse cell finds of its dense baseline before that has a finished run."""

import os
import signal
import time
from dataclasses import replace

import keras
import numpy as np
import pytest

from harness.cell import earlier, job, stages, timing
from harness.cell.cell import trained_file
from harness.config import compose
from harness.errors import TrackingError
from harness.models.layers.plain import load_weights, plain
from harness.sweep.plan import plan
from harness.tracking import away, outbox, store
from harness.tracking.cell_run import FINAL_STEP, CellRun
from tests.runs import locked, runs
from tests.settings import TINY
from tests.training import small


@pytest.fixture
def pair(store_uri, tmp_path):
    """A dense cell and a sparse one."""
    overrides = (*TINY, "sparsity=random", f"tracking.uri={store_uri}", f"work_dir={tmp_path}/w")
    return plan([(compose(overrides), overrides)])


def test_the_model_of_a_dense_baseline_is_there_once_it_is_trained(pair):
    dense, sparse = pair
    keras.utils.set_random_seed(1)
    model, other = small.model(), small.model()
    earlier.keep(dense, model)
    with earlier.dense_model(sparse) as path:
        stages.tidy(dense)  # its process ends meanwhile
        load_weights(other, path)
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_weights_of_a_finished_run_come_before_those_of_an_attempt(pair, tmp_path):
    """As of a dense baseline that was killed here and has been trained on another machine since."""
    dense, sparse = pair
    keras.utils.set_random_seed(1)
    model, stale, other = small.model(), small.model(), small.model()
    earlier.keep(dense, stale)
    run = CellRun.begin(dense.config, dense.id, {"harness.trained_id": dense.trained})
    with earlier.dense_model(sparse) as path:
        load_weights(other, path)
    np.testing.assert_array_equal(other.get_weights()[0], stale.get_weights()[0])
    plain(model).save(tmp_path / "model.keras")
    run.artifact(tmp_path / "model.keras", "model")
    run.finish("")
    with earlier.dense_model(sparse) as path:
        load_weights(other, path)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_a_sparse_run_that_began_before_its_dense_one_names_it_in_the_end(pair):
    dense, sparse = pair
    run = CellRun.begin(sparse.config, sparse.id, {"harness.dense_cell_id": sparse.dense})
    assert earlier.baseline_tag(sparse, run) == {}
    begun = CellRun.begin(dense.config, dense.id, {})
    assert earlier.baseline_tag(dense, begun) == {}
    told = earlier.baseline_tag(sparse, run)
    assert told == {"harness.dense_run_id": begun.run_id}
    run.set_tags(told)
    assert earlier.baseline_tag(sparse, run) == told, "it stays"


@pytest.fixture
def timed(pair, monkeypatch):
    """A sparse cell that times its files: what they are timed against, once it has come so far."""
    dense, sparse = pair
    export = replace(sparse.config.export, latency=True)
    sparse = replace(sparse, config=replace(sparse.config, export=export))
    monkeypatch.setattr(timing, "time_files", lambda *given: set(given[-1]))
    monkeypatch.setattr(outbox, "_FIRST", 0.2)
    monkeypatch.setattr(store, "SERVER_TIMEOUT", 0.2)

    def of(run):
        return stages._timed(sparse, run, None, None, None, lambda event: None)

    return dense, sparse, of


def with_file(dense, folder) -> CellRun:
    """The finished run of a dense cell."""
    run = CellRun.begin(dense.config, dense.id, {})
    (folder / "model.tflite").write_bytes(b"a file")
    run.artifact(folder / "model.tflite", "model")
    run.finish("")
    return run


def test_a_cell_whose_store_is_away_once_it_is_trained_times_its_own_files(timed, tmp_path):
    dense, sparse, against = timed
    with_file(dense, tmp_path)
    run = CellRun.begin(
        sparse.config, sparse.id, {"harness.dense_cell_id": sparse.dense},
        journal=earlier.journal_of(sparse),
    )  # fmt: skip
    assert against(run) == {"dense"}
    began = time.monotonic()
    with locked(run.uri):
        assert against(run) == set()
    assert time.monotonic() - began < 30, "it waited for the store"


def test_a_run_that_is_still_to_be_made_is_timed_beside_its_baseline_once_the_store_is_back(
    timed, tmp_path
):
    dense, sparse, against = timed
    with_file(dense, tmp_path)
    tags = {"harness.dense_cell_id": sparse.dense}
    with locked(dense.config.tracking.uri):
        run = CellRun.begin(sparse.config, sparse.id, tags, journal=earlier.journal_of(sparse))
        assert run.is_pending
        assert against(run) == set()
    assert run.is_pending
    assert against(run) == {"dense"}
    assert earlier.baseline_tag(sparse, run) == {}, "it is tagged on the way to its store"


def test_nothing_is_left_half_written(pair, monkeypatch):
    dense, sparse = pair

    def cut_off(model, path):
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(keras.Model, "save", cut_off)
        assert not earlier.keep(dense, small.model())
    assert not list(trained_file(dense).parent.iterdir())
    with pytest.raises(TrackingError, match="are of no finished cell"), earlier.dense_model(sparse):
        pass


def test_a_cell_that_is_asked_to_end_while_it_finishes_is_finished(pair, monkeypatch):
    dense, _ = pair
    finish = CellRun.finish

    def asked(run, *given):
        os.kill(os.getpid(), signal.SIGTERM)
        return finish(run, *given)

    monkeypatch.setattr(CellRun, "finish", asked)
    monkeypatch.setattr(stages, "_measure", lambda *given: ({"test/loss": 1.0}, ""))
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in numbers}
    job.signals.take()
    try:
        done = stages.run_cell(dense, None, lambda event: None)
    finally:
        job.signals.interrupts.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
    (run,) = runs(dense.config.tracking.uri)
    assert (run.id, run.status) == (done["run_id"], "FINISHED")
    assert run.history("test/loss") == [(FINAL_STEP, 1.0)]


def test_a_cell_hears_of_its_store_while_it_runs_and_its_process_as_before_afterwards(
    pair, monkeypatch
):
    def measured(*given):
        away.tell("the store is away")
        return {"test/loss": 1.0}, ""

    dense, _ = pair
    heard, before = [], away.tell
    monkeypatch.setattr(stages, "_measure", measured)
    stages.run_cell(dense, None, heard.append)
    assert {"kind": "warning", "text": "the store is away"} in heard
    assert away.tell is before
