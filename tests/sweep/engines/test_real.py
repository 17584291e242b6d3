"""Engines that are really there: a sweep to its table, and one cancelled in the middle."""

import time

import pytest

from tests.cell.test_faults import LOG_EVERY, checkpoints, stood
from tests.runs import runs
from tests.sweep.engines.real import Submitted, until

both = pytest.mark.parametrize("engine", ["slurm", "ray"])


@pytest.mark.slow
@both
def test_a_real_engine_runs_a_sweep(tmp_path, engine):
    submitted = Submitted(engine, tmp_path)
    submitted.submit()
    assert submitted.settled() == {"finished": 3}
    assert submitted.table().exists()


@pytest.mark.slow
@both
def test_what_is_cancelled_checkpoints_and_goes_on(tmp_path, engine):
    submitted = Submitted(engine, tmp_path)
    began = time.time()
    submitted.submit()
    until(lambda: checkpoints(tmp_path))
    submitted.cancel()
    (run,) = until(lambda: [run for run in runs(submitted.uri) if run.status == "KILLED"], 60)
    (path,) = checkpoints(tmp_path)
    kept, logged = stood(path, submitted.uri, began)
    assert logged is None or 0 <= kept - logged < LOG_EVERY, "no checkpoint of the step reached"
    assert submitted.settled() == {"cancelled": 3}
    submitted.submit()
    assert submitted.settled() == {"finished": 3}
    assert run.id in {each.id for each in runs(submitted.uri)}
    assert len(runs(submitted.uri)) == 3
