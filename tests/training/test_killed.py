"""A cell killed at any step ends with the bits that it would have had."""

import json
import random

import numpy as np
import pytest

from tests.forked import begin, result
from tests.training import killed as killed_runs

pytestmark = pytest.mark.anywhere


def test_killed_runs_end_with_the_same_bits(tmp_path):
    # 25 steps in 5 segments. The first process dies somewhere in its second segment or
    # later, the others wherever they like: before, at and after segments' ends.
    kills = [random.randint(6, 14), random.randint(1, 8)]
    kills += [random.randint(1, 4) for _ in range(6)]
    result(begin(killed_runs.main, tmp_path, kills, log=tmp_path / "log"))

    assert len(np.load(tmp_path / "whole-weights.npz").files) == 10
    assert_same(tmp_path, "killed", f"killed at {kills}")

    # the same, asked for checkpoints at steps of each process's own: in the middle of a mean,
    # at its end, at a segment's end and the step before; twice within one process
    asks = [[3], [2, 4], [1], [1, 2], [4, 6, 7]]
    ends = result(begin(killed_runs.stopped, tmp_path, asks, log=tmp_path / "log"))
    assert ends == [3, 7, 8, 10, 17], "each ends at the step at which it was asked to"
    assert_same(tmp_path, "stopped", f"asked at {asks}")


def assert_same(folder, name, how):
    """The same weights, logs and history as the run that nothing disturbed."""
    whole, other = (np.load(folder / f"{each}-weights.npz") for each in ("whole", name))
    for each in whole.files:
        np.testing.assert_array_equal(other[each], whole[each], err_msg=how)
    for log in ("{}.json", "{}-history.json"):
        texts = [(folder / log.format(each)).read_text() for each in ("whole", name)]
        assert json.loads(texts[0]) == json.loads(texts[1]), how
