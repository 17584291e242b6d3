"""Movement pruning: the score is -Σ g·w, and prefers what grows over what is large."""

import keras
import numpy as np
import pytest

from harness.pruning import (
    Global,
    Movement,
    OneShot,
    Polynomial,
    Pruner,
    PruningError,
    StraightThrough,
    Unstructured,
)

RATE = 0.05
RANDOM = np.random.default_rng(2)
W0 = RANDOM.normal(size=(6, 3)).astype("float32")
X = RANDOM.normal(size=(16, 6)).astype("float32")
Y = RANDOM.normal(size=(16, 3)).astype("float32")


def linear_model(weights=W0, rate=RATE):
    model = keras.Sequential(
        [keras.layers.Input((len(weights),)), keras.layers.Dense(weights.shape[1], use_bias=False)]
    )
    model.set_weights([weights])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


def slot(pruner, name):
    return next(v for k, v in pruner.get_state().items() if k.startswith(name + "/"))


def test_score_is_the_accumulated_movement():
    model = linear_model()
    pruner = Pruner(Unstructured(), OneShot(0.5, step=100), score=Movement()).attach(model)
    weights, expected = W0.copy(), np.zeros_like(W0)
    for _ in range(5):
        gradient = 2 * X.T @ (X @ weights - Y) / Y.size
        expected -= gradient * weights
        weights -= RATE * gradient
        model.train_on_batch(X, Y)
    np.testing.assert_allclose(slot(pruner, "movement"), expected, atol=1e-5)


def test_keeps_a_small_weight_that_grows_and_prunes_a_large_one_that_shrinks():
    # One input, two outputs: the targets pull 0.1 up to 2 and 1.0 down to 0.2.
    model = linear_model(np.array([[0.1, 1.0]], "float32"))
    Pruner(Unstructured(), OneShot(0.5, step=3), score=Movement()).attach(model)
    x = np.ones((4, 1), "float32")
    y = np.tile(np.array([[2.0, 0.2]], "float32"), (4, 1))
    for _ in range(3):
        model.train_on_batch(x, y)
    kernel = model.get_weights()[0]
    assert abs(W := kernel[0, 0]) < 0.9  # still the smaller one
    assert W != 0
    assert kernel[0, 1] == 0


def test_pruned_weights_keep_value_and_score_and_may_return():
    model = linear_model()
    pruner = Pruner(
        Unstructured(),
        Polynomial(0.5, 0.5, begin_step=1, end_step=60, frequency=1),
        score=Movement(),
        allocation=Global(),
        method=StraightThrough(update_pruned=False),
    ).attach(model)
    dense, score, mask = W0.copy(), np.zeros_like(W0), np.ones_like(W0, bool)
    returned = 0
    for _ in range(60):
        gradient = 2 * X.T @ (X @ (dense * mask) - Y) / Y.size
        score -= gradient * dense
        dense -= RATE * gradient * mask
        new = Unstructured().mask(score, 0.5)
        returned += int((new & ~mask).sum())
        mask = new
        model.train_on_batch(X, Y)
    assert returned > 0
    np.testing.assert_array_equal(slot(pruner, "mask"), mask)
    np.testing.assert_allclose(model.get_weights()[0], dense * mask, atol=1e-5)


def test_refuses_a_refresh_before_any_gradient():
    with pytest.raises(PruningError, match="begin_step of 1"):
        Pruner(Unstructured(), OneShot(0.5, step=0), score=Movement())
