"""Strategies: what they refuse, and that a recipe means the same over two devices."""

import json

import pytest

from harness.errors import ConfigError
from harness.training import strategy
from harness.training.options import StrategyOptions
from tests.forked import begin, result
from tests.training import mirrored


def test_more_devices_than_there_are_is_refused():
    config = StrategyOptions(name="mirrored", devices=64)
    with pytest.raises(ConfigError, match=r"strategy\.devices=64: this machine has"):
        strategy.scope(config, 64).__enter__()


@pytest.mark.parametrize(
    ("options", "gpus", "count"),
    [
        ({"name": "single"}, 4, 1),
        ({"name": "mirrored", "devices": 2}, 4, 2),
        ({"name": "mirrored"}, 4, 4),
        ({"name": "mirrored", "virtual_cpus": 3}, 0, 3),
        ({"name": "mirrored", "virtual_cpus": 3}, 4, 4),  # as `scope` takes them
        ({"name": "mirrored"}, 0, 1),
        ({"name": "multi_worker"}, 4, 8),
        ({"name": "multi_worker", "devices": 6}, 4, 6),
    ],
)
def test_devices_are_counted_as_they_will_be_taken(monkeypatch, options, gpus, count):
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: [kind] * gpus)
    hosts = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(hosts))
    assert strategy.replicas(StrategyOptions(**options)) == count


def test_single_is_one_replica():
    with strategy.scope(StrategyOptions(name="single"), 7) as replicas:
        assert replicas == 1


def test_two_devices_train_the_model_that_one_does(tmp_path):
    """With batch normalization, dropout, an L2 penalty and pruning; not so by its own moments.

    In float64, where summing over devices in another order hardly shows; in mixed precision within
    a tenth of the way that the weights went in five steps, which is 25 roundings of bfloat16: each
    product and each normalization, forwards and backwards, rounds once or more.
    """
    found = result(begin(mirrored.share, log=tmp_path / "log"))
    assert found["replicas"] == 2
    exact, mixed = found["exact"], found["mixed"]
    assert exact["same_masks"]
    assert mixed["zeros"] == exact["zeros"] > 150
    assert min(exact["moved"], mixed["moved"]) > 0.3
    for one, tolerance in ((exact, 1e-8), (mixed, 0.1 * mixed["moved"])):
        assert max(one[key] for key in ("weights", "history")) < tolerance
    for apart in ("apart", "mixed_apart"):
        assert min(found[apart][key] for key in ("weights", "history")) > 0.08
    assert "batch_size=7: does not divide among 2 devices" in found["refused"]


@pytest.mark.slow
def test_two_devices_take_a_batch_in_parts_as_one_does(tmp_path):
    """Clipped by the norm of whole gradients, pruned by updates; in mixed precision as above."""
    found = result(begin(mirrored.in_parts, log=tmp_path / "log"))
    exact, mixed = found["exact"], found["mixed"]
    assert exact["same_masks"]
    assert mixed["same_masks"]
    assert mixed["zeros"] == exact["zeros"] > 150
    assert min(exact["moved"], mixed["moved"]) > 0.1
    for one, tolerance in ((exact, 1e-8), (mixed, 0.1 * mixed["moved"])):
        assert max(one[key] for key in ("weights", "history")) < tolerance


@pytest.mark.slow
def test_replicas_skip_a_batch_of_which_one_s_part_overflows(tmp_path):
    """In float16, also where it is the second part: on both, with the scale and counts of one."""
    found = result(begin(mirrored.overflowing_part, log=tmp_path / "log"))
    assert len(found["where"]) == 3
    assert 1 in {part for part, _ in found["where"]}
    told = {name: found[name].pop("weights") for name in ("mirrored", "single")}
    counts = {"steps": 6, "updates": 3, "pruner": 3, "fell": 2**3, "finite": True, "apart": 0}
    assert found["mirrored"] == found["single"] == counts
    for ours, one in zip(told["mirrored"], told["single"], strict=True):
        assert ours == pytest.approx(one, abs=1e-6)


def test_replicas_clip_and_judge_a_scaled_loss_by_whole_gradients(tmp_path):
    found = result(begin(mirrored.updates, log=tmp_path / "log"))
    assert found["clipped"] == ([pytest.approx([0.0, -1.0])] * 2, None)
    assert found["overflow"] == ([[0.0, 0.0]] * 2, 1.0)
    assert found["scaled"] == ([[0.0, -2.5]] * 2, 2.0)


@pytest.mark.slow
def test_two_devices_resume_to_the_bit(tmp_path):
    found = result(begin(mirrored.resume, tmp_path, log=tmp_path / "log"))
    assert found == {"stored": 5, "difference": 0, "same_history": True}
