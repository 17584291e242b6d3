"""When the training step is compiled by XLA."""

import pytest
import tensorflow as tf

from harness.pruning.pattern.base import PATTERNS
from harness.pruning.pattern.none import NoPatternOptions
from harness.training import jit, loop, seeds
from tests.training import small

pytestmark = pytest.mark.anywhere


@pytest.mark.parametrize("gpus", [[], ["GPU:0"]])
def test_settings_and_devices_decide(monkeypatch, gpus):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    assert jit.resolve("always")
    assert not jit.resolve("never")
    assert jit.resolve("auto") == bool(gpus)


@pytest.mark.parametrize(
    ("pattern", "compiled"), [("none", True), ("n_m", True), ("unstructured", False)]
)
def test_masks_that_xla_cannot_select_keep_it_off(monkeypatch, pattern, compiled):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    options = PATTERNS.find(pattern)()
    settled = jit.settle(small.recipe(jit_compile="auto"), options, "single")
    assert settled.jit_compile == ("always" if compiled else "never")
    assert jit.settle(small.recipe(jit_compile="never"), options, "single").jit_compile == "never"


@pytest.mark.parametrize("strategy", ["mirrored", "multi_worker"])
def test_several_devices_keep_it_off(monkeypatch, strategy):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0", "GPU:1"])
    settled = jit.settle(small.recipe(jit_compile="auto"), NoPatternOptions(), strategy)
    assert settled.jit_compile == "never"


def test_always_reaches_the_training_step():
    """Deterministic kernels, on for good once they are on, would keep XLA out."""
    training = small.recipe(jit_compile="always")
    seeds.seed_everything(1, training.jit_compile)
    model = small.model()
    loop.fit(model, small.data(), small.phase(epochs=1), training, seed=1)
    assert model.jit_compile is True
