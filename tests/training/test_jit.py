"""When the training step is compiled by XLA."""

import pytest
import tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled

from harness.pruning import Constant, Pruner, Unstructured
from harness.training import jit, loop, seeds
from tests.training import small

pytestmark = pytest.mark.anywhere


@pytest.mark.parametrize("gpus", [[], ["GPU:0"]])
def test_settings_and_devices_decide(monkeypatch, gpus):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    assert jit.resolve("always")
    assert not jit.resolve("never")
    assert jit.resolve("auto") == bool(gpus)


@pytest.mark.parametrize(("gpus", "compiled"), [([], "never"), (["GPU:0"], "always")])
def test_all_patterns_of_a_machine_are_compiled_alike(monkeypatch, gpus, compiled):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    assert jit.settle(small.recipe(jit_compile="auto"), "single").jit_compile == compiled
    assert jit.settle(small.recipe(jit_compile="never"), "single").jit_compile == "never"


@pytest.mark.parametrize("strategy", ["mirrored", "multi_worker"])
def test_several_devices_keep_it_off(monkeypatch, strategy):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0", "GPU:1"])
    settled = jit.settle(small.recipe(jit_compile="auto"), strategy)
    assert settled.jit_compile == "never"


@pytest.mark.parametrize(("strategy", "run"), [("single", 4), ("mirrored", None)])
def test_several_devices_take_steps_one_by_one(strategy, run):
    settled = jit.settle(small.recipe(steps_per_execution=4), strategy)
    assert settled.steps_per_execution == run


def test_always_reaches_the_training_step_of_a_pruned_net():
    """Deterministic kernels, on for good once they are on, would keep XLA out."""
    training = small.recipe(jit_compile="always")
    seeds.seed_everything(1, training.jit_compile)
    model = small.model()
    pruner = Pruner(Unstructured(), Constant(0.5, 1, frequency=2)).attach(model)
    loop.fit(model, small.data(), small.phase(epochs=1), training, seed=1, pruner=pruner)
    assert model.jit_compile is True
    assert pruner.progress() == (0.5, 0.5)


@pytest.mark.parametrize("compiles", [True, False])
def test_a_net_that_xla_leaves_out_trains_by_deterministic_kernels(compiles):
    """XLA was asked for, as on any GPU, before there was a net to ask whether it can be had."""
    training = small.recipe(jit_compile="always")
    seeds.seed_everything(1, training.jit_compile)
    model = small.model()
    model.layers[-1].supports_jit = compiles
    loop.fit(model, small.data(), small.phase(epochs=1), training, seed=1)
    assert model.jit_compile is compiles
    assert is_op_determinism_enabled() is not compiles
