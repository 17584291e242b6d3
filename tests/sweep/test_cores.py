"""Which cores cells train on: shares of them, and as many threads whatever the share."""

import os

import pytest

from harness.sweep import cores
from harness.sweep.cores import Cores, at_once, shares
from harness.sweep.execute import execute
from tests import jobs
from tests.runs import assert_same_numbers, assert_same_weights, runs
from tests.settings import TINY, harness
from tests.sweep.test_execute import Listener

ALL = sorted(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("count", "parts", "expected"),
    [
        (4, 1, [[0, 1, 2, 3]]),
        (4, 2, [[0, 1], [2, 3]]),
        (5, 2, [[0, 1], [2, 3, 4]]),
        (2, 3, [[0], [0], [1]]),
        (1, 2, [[0], [0]]),
    ],
)
def test_shares(count, parts, expected):
    assert shares(range(count), parts) == expected


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 2), (4, 2), (8, 2), (16, 4), (64, 16)])
def test_auto(count, expected, monkeypatch):
    monkeypatch.setattr(cores, "usable", lambda: list(range(count)))
    assert at_once() == expected


def affinities(pid):
    threads = os.listdir(f"/proc/{pid}/task")
    return [sorted(os.sched_getaffinity(int(thread))) for thread in threads]


@pytest.mark.skipif(len(ALL) < 2, reason="one core cannot be shared out")
def test_what_trains_no_more_has_the_use_of_all(pid):
    given = Cores()
    given.share([pid])
    assert affinities(pid) == [ALL] * 2
    other = os.getpid()
    try:
        given.share([pid, other])
        (part,) = {tuple(each) for each in affinities(pid)}
        assert 0 < len(part) < len(ALL)
        assert not set(part).intersection(*affinities(other))
    finally:
        given.share([])
    assert affinities(pid) == [ALL] * 2


@pytest.mark.skipif(len(ALL) < 2, reason="one core cannot be shared out")
def test_cells_at_once_share_the_cores_and_one_alone_has_them(cells, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "7")
    outcomes = execute(cells, {}, Listener(), run=jobs.tell_cores, jobs=2)
    told = [outcomes[cell.id].value for cell in cells]
    first, second, third = (set(each["cores"]) for each in told)
    assert not first & second
    assert sorted(first | second) == sorted(third) == ALL
    for each in told:
        assert each["threads"] == [str(len(ALL)), "7"], "which decides how sums round"


@pytest.mark.skipif(len(ALL) < 2, reason="one core cannot be shared out")
def test_a_cell_ends_with_the_same_bits_by_any_jobs(tmp_path):
    found = []
    for count in ("1", "auto"):
        folder = tmp_path / count
        folder.mkdir()
        cell = (*TINY, "export.formats=[]", "seed=1,2", "--jobs", count)
        done = harness("run", *cell, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        ended = runs(f"sqlite:///{folder / 'mlflow.db'}")
        found.append(sorted(ended, key=lambda run: run.params["seed"]))
    for some, others in zip(*found, strict=True):
        assert_same_numbers(some, others)
        assert_same_weights(some, others)
