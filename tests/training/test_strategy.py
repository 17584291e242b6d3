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
    """With batch normalization, dropout, an L2 penalty and pruning; not so by its own moments."""
    found = run("share", tmp_path)
    assert found["replicas"] == 2
    assert found["moved"] > 0.5
    for precision, tolerance in (("float32", 1e-5), ("mixed", 0.02)):
        assert max(found[precision][key] for key in ("weights", "history")) < tolerance
    assert found["float32"]["same_masks"]
    assert found["mixed"]["zeros"] == found["float32"]["zeros"]
    assert found["float32"]["zeros"] > 150
    for apart in ("apart", "mixed_apart"):
        assert min(found[apart][key] for key in ("weights", "history")) > 0.1
    assert "batch_size=7: does not divide among 2 devices" in found["refused"]


@pytest.mark.slow
def test_two_devices_resume_to_the_bit(tmp_path):
    assert run("resume", tmp_path) == {"stored": 5, "difference": 0, "same_history": True}
