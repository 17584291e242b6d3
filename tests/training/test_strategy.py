"""Strategies: what they refuse, and that a recipe means the same over two devices."""

import json
import subprocess
import sys

import pytest

from harness.errors import ConfigError
from harness.training import strategy
from harness.training.options import StrategyOptions


def test_more_devices_than_there_are_is_refused():
    config = StrategyOptions(name="mirrored", devices=64)
    with pytest.raises(ConfigError, match=r"strategy\.devices=64: this machine has"):
        strategy.scope(config, 64).__enter__()


def test_single_is_one_replica():
    with strategy.scope(StrategyOptions(name="single"), 7) as replicas:
        assert replicas == 1


def run(check, folder):
    command = [sys.executable, "-m", "tests.training.mirrored", check, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_two_devices_train_the_model_that_one_does(tmp_path):
    """With batch normalization, dropout, an L2 penalty and pruning; not so by its own moments.

    In float64, where summing over devices in another order cannot show; in mixed precision within
    ten roundings of bfloat16 of the way that the weights went, in a few steps.
    """
    found = run("share", tmp_path)
    assert found["replicas"] == 2
    exact, mixed = found["exact"], found["mixed"]
    assert exact["same_masks"]
    assert mixed["zeros"] == exact["zeros"] > 150
    assert min(exact["moved"], mixed["moved"]) > 0.3
    for one, tolerance in ((exact, 1e-12), (mixed, 10 * 2**-8 * mixed["moved"])):
        assert max(one[key] for key in ("weights", "history")) < tolerance
    for apart in ("apart", "mixed_apart"):
        assert min(found[apart][key] for key in ("weights", "history")) > 0.05
    assert "batch_size=7: does not divide among 2 devices" in found["refused"]


@pytest.mark.slow
def test_two_devices_resume_to_the_bit(tmp_path):
    assert run("resume", tmp_path) == {"stored": 5, "difference": 0, "same_history": True}
