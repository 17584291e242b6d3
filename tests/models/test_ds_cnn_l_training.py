"""DS-CNN-L's steps of training, small, against its copy of stock layers in float64."""

import keras
import numpy as np
import pytest

from harness import models
from harness.models.ds_cnn_l import DsCnnL
from harness.models.layers.plain import plain
from harness.training.recipe import precision
from tests.rounding import ROUNDING, amplified, in_float64

#: As many roundings as one of every weight and input, times what lies in a net of 22 layers: 12 to
#: 41 were measured, by oneDNN and by Eigen, with AVX-512, AVX2 and SSE4.1.
MANY = 256


def smooth(layer):
    """Softplus in place of ReLU.

    A ReLU whose input is nearly zero turns a rounding into a whole gradient: on which side it
    falls is the processor's choice. All else of the net does with roundings what can be measured.
    """
    if isinstance(layer, keras.layers.ReLU):
        return keras.layers.Activation("softplus", name=layer.name)
    return type(layer).from_config(layer.get_config())


def sounds():
    rng = np.random.default_rng(3)
    return rng.normal(0, 3, (12, 49, 10, 1)).astype(np.float32), rng.integers(0, 3, 12)


def compiled(model, optimizer, dtype="float32"):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype)
    model.compile(optimizer, loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def built():
    keras.utils.set_random_seed(0)
    return models.build(DsCnnL(filters=161), (49, 10, 1), 3)


@pytest.fixture(scope="module")
def smoothed():
    model = built()
    copy = keras.models.clone_model(model, clone_function=smooth)
    copy.set_weights(model.get_weights())
    return compiled(copy, keras.optimizers.SGD(0.02, momentum=0.9))


def stepping(model):
    """A function from weights, momenta and inputs to those after a step, and the logits."""
    variables = [*model.weights, *model.optimizer.variables]
    _, labels = sounds()

    def run(values):
        for variable, value in zip(variables, values[:-1], strict=True):
            variable.assign(value)
        model.train_on_batch(values[-1], labels)
        logits = model(values[-1], training=False)
        return [np.array(value) for value in (*variables, logits)]

    return run


@pytest.fixture(scope="module")
def steps(smoothed):
    """Three steps of the stock layers in float64: the states before, after, and the bounds."""
    sgd = keras.optimizers.SGD(0.02, momentum=0.9)
    exact = stepping(compiled(in_float64(plain(smoothed)), sgd, "float64"))
    state = [*smoothed.get_weights(), *map(np.array, smoothed.optimizer.variables)]
    found = []
    for _ in range(3):
        before = [*state, sounds()[0]]
        after, moved = exact(before), amplified(exact, before, draws=2)
        bounds = [
            MANY * change + ROUNDING * np.linalg.norm(value)
            for value, change in zip(after, moved, strict=True)
        ]
        found.append((before, after, bounds))
        # what follows starts from what float32 can hold
        state = [value.astype(old.dtype) for value, old in zip(after[:-1], state, strict=True)]
    return found


@pytest.mark.parametrize("xla", [False, True])
def test_it_trains_and_evaluates_as_its_stock_copy(smoothed, steps, xla):
    """Step by step from equal states, within what the net makes of roundings."""
    smoothed.jit_compile = xla
    smoothed.make_train_function(force=True)
    step = stepping(smoothed)
    names = [variable.path for variable in (*smoothed.weights, *smoothed.optimizer.variables)]
    for before, after, bounds in steps:
        checked = zip([*names, "logits"], step(before), after, bounds, strict=True)
        for name, found, expected, bound in checked:
            assert np.linalg.norm(found - expected) <= bound, name


def test_what_is_shipped_computes_what_was_evaluated():
    x, y = sounds()
    model = compiled(built(), keras.optimizers.SGD(0.02))
    model.train_on_batch(x, y)
    np.testing.assert_allclose(
        plain(model).predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5
    )


def test_mixed_precision_trains_it():
    x, y = sounds()
    with precision(mixed=True):
        model = compiled(built(), keras.optimizers.Adam(1e-3))
    expected = compiled(plain(model), keras.optimizers.Adam(1e-3)).test_on_batch(x, y)
    np.testing.assert_allclose(model.test_on_batch(x, y), expected, rtol=0.05)
    losses = [model.train_on_batch(x, y) for _ in range(4)]
    assert losses[-1] < losses[0]
