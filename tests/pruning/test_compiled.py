"""Training under XLA: the step is compiled, the refresh is not, and the masks are the same."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from harness.pruning import (
    NM,
    SRSTE,
    Block,
    ByName,
    Constant,
    Global,
    Movement,
    Polynomial,
    Pruner,
    PruningError,
    RigL,
    StraightThrough,
    Unstructured,
)
from tests.pruning.small_models import assert_sparse

GRADUAL = Polynomial(0.2, 0.8, 2, 17, frequency=5)
EVERY_STEP = Polynomial(0.2, 0.8, 2, 17, frequency=1)


@pytest.fixture(autouse=True)
def exact():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def adam(**options):
    return keras.optimizers.Adam(0.01, **options)


CASES = {
    "unstructured": ({"pattern": Unstructured(), "schedule": GRADUAL}, adam, {}),
    "blocks by one threshold": (
        {"pattern": Block((1, 4)), "schedule": GRADUAL, "allocation": Global()},
        adam,
        {"steps_per_execution": 3},
    ),
    "movement, averaged": (
        {"pattern": Unstructured(), "schedule": GRADUAL, "score": Movement()},
        lambda: adam(use_ema=True),
        {},
    ),
    "straight-through": (
        {"pattern": Unstructured(), "schedule": EVERY_STEP, "method": StraightThrough()},
        adam,
        {},
    ),
    "RigL, its loss scaled": (
        {"pattern": Unstructured(), "schedule": Constant(0.6, 0, 15, 3), "method": RigL(15)},
        lambda: keras.optimizers.LossScaleOptimizer(adam()),
        {},
    ),
    "SR-STE": (
        {"pattern": NM(2, 4), "schedule": Constant(0.5, 1, frequency=1), "method": SRSTE()},
        adam,
        {},
    ),
    "accumulated": (
        {"pattern": Unstructured(), "schedule": Polynomial(0.2, 0.8, 2, 9, frequency=3)},
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2),
        {},
    ),
}


def trained(axes, optimizer, options, jit_compile):
    """State of the pruner, weights, and whether Keras took the model as compiled."""
    keras.utils.set_random_seed(0)
    bounded = layers.Dense(32, "relu", kernel_constraint=keras.constraints.MaxNorm(0.8))
    model = keras.Sequential([keras.Input((24,)), bounded, layers.Dense(16), layers.Dense(5)])
    model.compile(optimizer(), "mse", jit_compile=jit_compile, **options)
    pruner = Pruner(**axes).attach(model)
    x = np.random.default_rng(0).standard_normal((160, 24))
    fitted = {"batch_size": 8, "verbose": 0, "shuffle": False}
    model.fit(x, x[:, :5] ** 2, callbacks=[pruner.callback()], **fitted)
    assert_sparse(pruner)
    assert model.jit_compile is jit_compile
    return pruner.get_state(), model.get_weights()


#: Compiled in every run of the tests; the others, at some seconds each, in the long one.
QUICK = ("unstructured", "RigL, its loss scaled")


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CASES],
)
def test_masks_are_those_of_the_plain_graph_to_the_bit(name):
    """In float64: in float32 a rounding decides between two weights that are all but equal."""
    plain, compiled = (trained(*CASES[name], jit_compile=jit) for jit in (False, True))
    assert plain[0]["step"] == compiled[0]["step"] == (10 if name == "accumulated" else 20)
    masks = [key for key in plain[0] if key.startswith("mask/")]
    assert len(masks) == 3
    for key in masks:
        np.testing.assert_array_equal(compiled[0][key], plain[0][key])
    assert 0.4 < 1 - np.mean(np.concatenate([plain[0][key].ravel() for key in masks])) < 0.9
    for ours, theirs in zip(compiled[1], plain[1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8 if name == "SR-STE" else 1e-12)


def small_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16), layers.Dense(5)])
    model.compile("sgd", "mse", jit_compile=True)
    assert model.jit_compile  # unless deterministic kernels were left on
    return model


def test_the_step_is_compiled_and_nothing_stays(monkeypatch):
    made = []
    function = tf.function

    def listening(*arguments, **options):
        made.append(bool(options.get("jit_compile")))
        return function(*arguments, **options)

    model = small_model()
    pruner = Pruner(Unstructured(), Constant(0.5, 1, frequency=1)).attach(model)
    monkeypatch.setattr(tf, "function", listening)
    model.make_train_function()
    assert made.count(True) == 1
    assert model.jit_compile is True
    assert "train_step" not in vars(model)
    pruner.detach()
    assert "make_train_function" not in vars(model)
    made.clear()
    model.make_train_function()
    assert made[0] is True


def test_two_pruners_and_batches_one_by_one():
    model = small_model()
    first, last = model.layers
    schedule = Constant(0.5, 1, frequency=2)
    pruners = [
        Pruner(Unstructured(), schedule, scope=ByName(layer.name)).attach(model)
        for layer in (first, last)
    ]
    x = np.random.default_rng(0).standard_normal((32, 8))
    for _ in range(3):
        model.train_on_batch(x, x[:, :5])
    assert [pruner.step for pruner in pruners] == [3, 3]
    for pruner in pruners:
        assert assert_sparse(pruner) == 0.5


def test_nan_is_told_under_xla_too():
    model = small_model()
    Pruner(Unstructured(), Constant(0.5, 1, frequency=1)).attach(model)
    x = np.full((4, 8), np.nan)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Masks cannot be refreshed: NaN"):
        model.train_on_batch(x, x[:, :5])


def test_a_layer_frozen_later_stays_as_it_is():
    model = small_model()
    pruner = Pruner(Unstructured(), Constant(0.5, 1, frequency=1)).attach(model)
    x = np.random.default_rng(0).standard_normal((32, 8))
    model.train_on_batch(x, x[:, :5])
    frozen = model.layers[0]
    before, frozen.trainable = frozen.kernel.numpy(), False
    model.compile("sgd", "mse", jit_compile=True)
    model.train_on_batch(x, x[:, :5])
    np.testing.assert_array_equal(frozen.kernel.numpy(), before)
    assert pruner.step == 2


def test_gradients_that_nobody_sees_are_missed():
    model = small_model()
    pruner = Pruner(Unstructured(), Constant(0.5, 1, frequency=1), score=Movement()).attach(model)
    pruner._leave_optimizer()
    with pytest.raises(PruningError, match="need gradients"):
        model.train_on_batch(np.zeros((4, 8)), np.zeros((4, 5)))
