"""Recipes: how long their phases are, and what they build."""

import keras
import numpy as np
import pytest

from harness.errors import ConfigError
from harness.training import objective, recipe
from harness.training.decay.base import DECAYS
from harness.training.decay.exponential import ExponentialDecayOptions
from harness.training.decay.rewind import RewindOptions
from harness.training.length import Length
from harness.training.optimizer.adam import AdamOptions
from harness.training.optimizer.adamw import AdamWOptions
from harness.training.optimizer.rmsprop import RMSpropOptions
from harness.training.optimizer.sgd import SGDOptions
from harness.training.options import PhaseOptions, TrainingOptions
from tests.training import small


def phase(**options):
    return PhaseOptions(**({"epochs": 1} | options))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"epochs": 2}, Length(6, 3)),
        ({"epochs": 0.5}, Length(2, 3)),
        ({"epochs": None, "steps": 7}, Length(7, 3)),
    ],
)
def test_an_epoch_is_whole_batches(options, expected):
    assert recipe.length(phase(**options), steps_per_epoch=3) == expected


def test_phases_without_a_step_are_refused():
    with pytest.raises(ConfigError, match="less than one step"):
        recipe.length(phase(epochs=0.01), 3)


def rates(decay, steps, total=100, per_epoch=10):
    decay = {"kind": "constant"} | decay
    rate = DECAYS.find(decay["kind"])(**decay).schedule(0.8, Length(total, per_epoch))
    return [float(rate(step)) if callable(rate) else rate for step in steps]


def test_learning_rates():
    assert rates({}, [0, 99]) == [0.8, 0.8]
    assert rates({"kind": "cosine"}, [0, 50, 100]) == pytest.approx([0.8, 0.4, 0.0], abs=1e-6)
    assert rates({"kind": "cosine", "alpha": 0.25}, [100]) == pytest.approx([0.2])
    exponential = {"kind": "exponential", "rate": 0.5, "every": 2.0}
    assert rates(exponential, [0, 19, 20, 40]) == pytest.approx([0.8, 0.8, 0.4, 0.2])
    piecewise = {"kind": "piecewise", "boundaries": [10, 30], "factors": [0.5, 0.25]}
    assert rates(piecewise, [9, 10, 29, 30, 99]) == pytest.approx([0.8, 0.4, 0.4, 0.2, 0.2])


def test_a_rewound_rate_repeats_the_dense_phases_end():
    dense = phase(epochs=10, optimizer=AdamOptions(learning_rate=0.8))
    dense.decay = ExponentialDecayOptions(rate=0.5, every=2.0)
    training = TrainingOptions(name="t", dense=dense)
    again = phase(epochs=5, decay=RewindOptions())
    rate = recipe.phase_rate(again, training, Length(50, 10))
    assert [float(rate(step)) for step in (0, 9, 10, 49)] == pytest.approx([0.2, 0.2, 0.1, 0.05])
    with pytest.raises(ConfigError, match=r"received 101 steps; accepted: up to the dense.* 100,"):
        recipe.phase_rate(again, training, Length(101, 10))


def test_options_reach_the_optimizer():
    config = RMSpropOptions(momentum=0.8, rho=0.7, epsilon=0.5, weight_decay=0.01, clip_norm=3.0)
    optimizer = config.optimizer(0.1)
    assert isinstance(optimizer, keras.optimizers.RMSprop)
    found = optimizer.get_config()
    assert (found["momentum"], found["rho"], found["epsilon"]) == (0.8, 0.7, 0.5)
    assert (found["weight_decay"], found["global_clipnorm"]) == (0.01, 3.0)
    defaults = AdamOptions().optimizer(0.1).get_config()
    assert defaults["epsilon"] == keras.optimizers.Adam().get_config()["epsilon"]


def test_adamw_decays_as_that_of_keras():
    found = AdamWOptions().optimizer(0.1).get_config()["weight_decay"]
    assert found == keras.optimizers.AdamW().get_config()["weight_decay"]
    assert AdamWOptions(weight_decay=0.1).optimizer(0.1).get_config()["weight_decay"] == 0.1


def test_label_smoothing_is_that_of_keras_on_one_hot_labels():
    logits = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    labels = np.array([0, 3, 1, 2, 2])
    expected = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)(
        np.eye(4, dtype=np.float32)[labels], logits
    )
    found = np.mean(objective.make_loss(0.1)(labels, logits))
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_precision_is_set_and_put_back():
    before = keras.config.dtype_policy().name
    with recipe.precision(True) as policy:
        assert policy.startswith("mixed_")
        assert keras.layers.Dense(1).compute_dtype in ("float16", "bfloat16")
    assert keras.config.dtype_policy().name == before
    with pytest.raises(RuntimeError), recipe.precision(True):
        raise RuntimeError
    assert keras.config.dtype_policy().name == before


@pytest.mark.parametrize(
    ("capabilities", "name"),
    [
        ([], "mixed_bfloat16"),  # a CPU
        ([(8, 0), (9, 0)], "mixed_bfloat16"),
        ([(7, 5)], "mixed_float16"),
        ([(8, 6), (7, 0)], "mixed_float16"),
        ([None], "mixed_float16"),
    ],
)
def test_the_gpu_decides_what_is_mixed(capabilities, name):
    assert recipe.policy(True, capabilities) == name
    assert recipe.policy(False, capabilities) == "float32"


def test_float16_scales_the_loss_and_skips_what_overflows():
    with recipe.precision(True, [(7, 5)]):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    recipe.compile_model(
        model, small.phase(), small.recipe(), Length(9, 3), objective.classification(0.0)
    )
    assert model.layers[0].compute_dtype == "float16"
    assert model.optimizer.initial_scale > 1
    inputs, labels = np.ones((2, 4), np.float32), np.array([0, 1])
    before, scale = model.get_weights(), float(model.optimizer.dynamic_scale)
    model.train_on_batch(inputs * 1e6, labels)  # infinite in float16
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert float(model.optimizer.dynamic_scale) < scale
    model.train_on_batch(inputs, np.array([0, 0]))
    assert np.isfinite(model.get_weights()[0]).all()
    assert np.abs(model.get_weights()[0] - before[0]).max() > 1e-3


@pytest.mark.parametrize(
    ("mixed", "jit", "by_cudnn", "told"),
    [
        (False, "never", False, "float32"),
        (True, "always", False, "mixed_bfloat16, XLA"),
        (False, "always", True, "float32, XLA, cuDNN's LSTM"),
    ],
)
def test_rows_that_were_computed_in_other_ways_are_told_apart(mixed, jit, by_cudnn, told):
    with recipe.precision(mixed, []):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    training, phase = small.recipe(jit_compile=jit), small.phase()
    recipe.compile_model(model, phase, training, Length(9, 3), objective.classification(0.0))
    if by_cudnn:
        model.layers[0].by_cudnn = True
    assert recipe.computed(model) == told


def test_l2_pulls_kernels_and_only_those():
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            layers.DepthwiseConv2D(3),
            layers.Conv2D(3, 1),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    training = TrainingOptions(name="t", l2=0.5, jit_compile="never")
    sgd = phase(optimizer=SGDOptions(learning_rate=0.1))
    recipe.compile_model(model, sgd, training, Length(10, 10), objective.classification(0.0))
    before = [weight.numpy() for weight in model.trainable_variables]
    # No image reaches the logits' difference: only the pull moves the last kernel.
    model.layers[-1].kernel.assign(np.ones((12, 2)))
    model.train_on_batch(np.zeros((4, 4, 4, 2), np.float32), np.array([0, 1, 0, 1]))
    np.testing.assert_allclose(model.layers[-1].kernel, np.full((12, 2), 0.95), rtol=1e-6)
    conv = model.layers[1].kernel
    np.testing.assert_allclose(conv, 0.95 * before[2], rtol=1e-5)
    np.testing.assert_array_equal(model.layers[0].kernel, before[0])
