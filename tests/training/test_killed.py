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
    # later, the next two wherever they like: before, at and after segments' ends.
    kills = [random.randint(6, 14), random.randint(1, 8), random.randint(1, 4)]
    result(begin(killed_runs.main, tmp_path, kills, log=tmp_path / "log"))

    whole, killed = (np.load(tmp_path / f"{name}-weights.npz") for name in ("whole", "killed"))
    assert len(whole.files) == 10
    for name in whole.files:
        np.testing.assert_array_equal(killed[name], whole[name], err_msg=f"killed at {kills}")
    for log in ("{}.json", "{}-history.json"):
        texts = [(tmp_path / log.format(name)).read_text() for name in ("whole", "killed")]
        assert json.loads(texts[0]) == json.loads(texts[1]), f"killed at {kills}"
