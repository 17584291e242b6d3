"""Strategies: what they refuse, and that a recipe means the same over two devices."""

import json
import subprocess
import sys

import pytest

from harness.config.schema import StrategyConfig
from harness.errors import ConfigError
from harness.training import strategy


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"name": "sharded"}, "strategy=sharded: needs one of single, mirrored"),
        ({"name": "mirrored", "devices": 0}, r"strategy\.devices=0"),
        ({"name": "mirrored", "virtual_cpus": -1}, r"strategy\.virtual_cpus=-1"),
        ({"name": "single", "devices": 2}, "single uses one; use strategy=mirrored"),
    ],
)
def test_impossible_strategies_are_refused(options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        strategy.check(StrategyConfig(**options))


def test_more_devices_than_there_are_is_refused():
    config = StrategyConfig(name="mirrored", devices=64)
    with pytest.raises(ConfigError, match=r"strategy\.devices=64: this machine has"):
        strategy.scope(config, 64).__enter__()


def test_single_is_one_replica():
    with strategy.scope(StrategyConfig(name="single"), 7) as replicas:
        assert replicas == 1


def run(check, folder):
    command = [sys.executable, "-m", "tests.training.mirrored", check, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_two_devices_train_the_model_that_one_does(tmp_path):
    found = run("share", tmp_path)
    assert found["replicas"] == 2
    assert found["moved"] > 0.05
    assert found["difference"] < 1e-4


@pytest.mark.slow
def test_two_devices_resume_to_the_bit(tmp_path):
    assert run("resume", tmp_path) == {"stored": 5, "difference": 0, "same_history": True}


def test_a_batch_that_does_not_divide_is_refused():
    code = """
from harness.config.schema import StrategyConfig
from harness.training import strategy
strategy.scope(StrategyConfig(name="mirrored", virtual_cpus=2), 7).__enter__()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90)
    assert "batch_size=7: does not divide among 2 devices" in done.stderr
