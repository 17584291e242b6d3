"""From a cell's sparsity config to the pruner it asks for."""

import numpy as np
import pytest

from harness.config import compose
from harness.errors import ConfigError
from harness.models import build
from harness.pruning import PruningError
from harness.pruning.options import summarize_trained

SMALL = [
    "model.filters=[2,4]",
    "model.units=8",
    "sparsity=random",
    "sparsity.schedule.kind=one_shot",
]


def mask(seed, *overrides):
    """The zeros of the first kernel, of the same weights whatever the seed."""
    config = compose([*SMALL, *overrides])
    model = build(config.model, (28, 28, 1), 10)
    kernel = model.trainable_variables[0]
    kernel.assign(np.linspace(-1, 1.1, kernel.shape.num_elements()).reshape(kernel.shape))
    pruner = config.sparsity.pruner(4, seed)
    pruner.attach(model)
    pruner.update(0)
    zeros = np.asarray(kernel) == 0
    pruner.detach(model)
    return zeros


@pytest.mark.parametrize(("score", "same"), [("random", False), ("magnitude", True)])
def test_random_scores_follow_the_seed(score, same):
    first, again, other = (mask(seed, f"sparsity.score={score}") for seed in (1, 1, 2))
    assert first.sum() == other.sum() > 0
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) is same


@pytest.mark.parametrize(
    ("overrides", "pruned"),
    [
        (["sparsity.scope=by_type", "sparsity.scope.types=[Conv2D]"], {"conv_1", "conv_2"}),
        (["sparsity.scope=all_but_first_and_last"], {"conv_2", "hidden"}),
        (["sparsity.scope.include=[hidden]"], {"hidden"}),
        (["sparsity.scope.exclude=['conv_*']"], {"hidden", "logits"}),
    ],
)
def test_scopes_are_reached_by_configs(overrides, pruned):
    config = compose([*SMALL, *overrides])
    summary = config.sparsity.pruner(4).preview(build(config.model, (28, 28, 1), 10))
    assert {layer.layer for layer in summary.layers if layer.prunable} == pruned


def test_a_layer_that_keras_has_not_is_refused():
    config = compose([*SMALL, "sparsity.scope=by_type", "sparsity.scope.types=[os]"])
    with pytest.raises(PruningError, match="received os; accepted: names of Keras' layers"):
        config.sparsity.pruner(4)


def test_the_latency_scope_says_why_a_model_has_nothing_for_it():
    config = compose([*SMALL, "sparsity.scope=xnnpack_latency"])
    with pytest.raises(PruningError, match="no stem for sparse inference"):
        config.sparsity.pruner(4).preview(build(config.model, (28, 28, 1), 10))


def test_whole_channels_are_zero_together():
    zeros = mask(1, "sparsity.pattern=channels")
    assert 0 < zeros.sum() < zeros.size
    assert set(zeros.reshape(-1, zeros.shape[-1]).mean(axis=0)) == {0.0, 1.0}


def test_cuts_at_times_of_ones_own():
    times = ["sparsity.schedule.times=[0.5]", "sparsity.schedule.shares=[0.5,1.0]"]
    config = compose(["sparsity=random", "sparsity.schedule=piecewise", *times])
    schedule = config.sparsity.pruner(100).schedule
    assert (schedule.steps, schedule.sparsities) == ((0, 50), (0.25, 0.5))


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("end=9", "end"),
        ("kind=one_shot sparsity.schedule.begin=9", "begin"),
        ("kind=piecewise sparsity.schedule.times=[3,9]", "times"),
    ],
)
def test_a_schedule_in_steps_ends_within_the_phase(line, key):
    given = ["sparsity.schedule.unit=step", *f"sparsity.schedule.{line}".split()]
    shares = ["sparsity.schedule.shares=[0.2,0.5,1]"] if key == "times" else []
    config = compose(["sparsity=random", *given, *shares])
    assert config.sparsity.pruner(9).schedule.last_step == 9
    with pytest.raises(
        ConfigError, match=rf"schedule\.{key}: received step 9 .* of 8 steps.*to 8,"
    ):
        config.sparsity.pruner(8)


def test_what_was_trained_is_told_whatever_its_schedule():
    config = compose([*SMALL, "sparsity.schedule.unit=step", "sparsity.schedule.begin=2000000"])
    model = build(config.model, (28, 28, 1), 10)
    assert summarize_trained(model, config.sparsity).sparsity < 0.01


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sparsity=random_movement", "schedule.begin: received 0.05, step 0 of 8, with .*movement"),
        (
            "sparsity=random sparsity.schedule=piecewise",
            r"schedule.times: received \[0.25\].*\[0, 0\]",
        ),
        ("sparsity=random_rigl sparsity.schedule.end=0.05", "schedule.end: .*rounds to step 0"),
    ],
)
def test_a_phase_too_short_for_the_schedule_is_refused_by_the_key(line, message):
    config = compose([*line.split(), "sparsity.target=0.5"])
    with pytest.raises(ConfigError, match=f"sparsity.{message}.*longer training.finetune"):
        config.sparsity.pruner(2 if "piecewise" in line else 8)
    assert config.sparsity.pruner(40).schedule.last_step >= 1
