"""SR-STE and straight-through training against the equations, step by step."""

import keras
import numpy as np
import pytest

from harness.pruning import (
    NM,
    SRSTE,
    Constant,
    OneShot,
    Pruner,
    PruningError,
    StraightThrough,
    Unstructured,
)

RATE, DECAY = 0.1, 0.05
RANDOM = np.random.default_rng(0)
W0 = RANDOM.normal(size=(8, 3)).astype("float32")
X = RANDOM.normal(size=(16, 8)).astype("float32")
Y = RANDOM.normal(size=(16, 3)).astype("float32")


def linear_model(optimizer=None):
    dense = keras.layers.Dense(3, use_bias=False, name="dense")
    model = keras.Sequential([keras.layers.Input((8,)), dense], name="model")
    model.set_weights([W0])
    model.compile(optimizer or keras.optimizers.SGD(RATE), "mse")
    return model


def gradient_at(weights):
    """Of the mean squared error of a linear model."""
    return 2 * X.T @ (X @ weights - Y) / Y.size


def by_equation(steps, decay, mask_of, update_pruned=True):
    """W ← W - γ(g(m ⊙ W) + λ(1 - m) ⊙ W), the mask following every step."""
    dense = W0.copy()
    mask = mask_of(dense)
    for _ in range(steps):
        gradient = gradient_at(mask * dense)
        if not update_pruned:
            gradient = gradient * mask
        dense = dense - RATE * (gradient + decay * (1 - mask) * dense)
        mask = mask_of(dense)
    return dense, mask


def two_of_four(weights):
    return NM(2, 4).mask(np.abs(weights), None)


@pytest.mark.parametrize("eager", [False, True])
def test_sr_ste_follows_its_equation(eager):
    model = linear_model()
    model.run_eagerly = eager
    pruner = Pruner(NM(2, 4), Constant(0.5, frequency=1), method=SRSTE(DECAY)).attach(model)
    masks = []
    for step in range(1, 13):
        model.train_on_batch(X, Y)
        dense, mask = by_equation(step, DECAY, two_of_four)
        masks.append(mask)
        np.testing.assert_allclose(model.get_weights()[0], mask * dense, atol=1e-5)
    assert any((mask != masks[0]).any() for mask in masks)  # or the test shows nothing
    aside = pruner.get_state()[_slot(pruner)]
    np.testing.assert_allclose(aside, (1 - mask) * dense, atol=1e-5)


def _slot(pruner):
    return next(key for key in pruner.get_state() if key.startswith("aside/"))


def test_sr_ste_decays_pruned_weights_and_plain_straight_through_does_not():
    # With no gradient, the added term alone acts: pruned weights shrink by 1 - γλ a step.
    still = np.zeros((16, 8), "float32")
    for method, factor in ((SRSTE(0.5), (1 - RATE * 0.5) ** 3), (StraightThrough(), 1.0)):
        model = linear_model()
        pruner = Pruner(NM(2, 4), Constant(0.5, frequency=1), method=method).attach(model)
        mask = two_of_four(W0)
        model.fit(still, Y, batch_size=16, epochs=3, verbose=0, callbacks=[pruner.callback()])
        np.testing.assert_allclose(
            pruner.get_state()[_slot(pruner)], W0 * ~mask * factor, rtol=1e-5
        )
        np.testing.assert_array_equal(model.get_weights()[0], W0 * mask)


def test_frozen_pruned_weights_keep_their_value():
    model = linear_model()
    method = StraightThrough(update_pruned=False)
    Pruner(Unstructured(), Constant(0.5, frequency=1), method=method).attach(model)
    for _ in range(6):
        model.train_on_batch(X, Y)
    dense, mask = by_equation(
        6, 0.0, lambda w: Unstructured().mask(np.abs(w), 0.5), update_pruned=False
    )
    np.testing.assert_allclose(model.get_weights()[0], mask * dense, atol=1e-5)


def test_dense_weights_survive_another_start_of_training():
    # fit() prunes anew at step 0, from weights that are already masked.
    model = linear_model()
    pruner = Pruner(NM(2, 4), Constant(0.5, frequency=1), method=SRSTE(DECAY)).attach(model)
    model.fit(X, Y, batch_size=16, epochs=4, verbose=0, callbacks=[pruner.callback()])
    dense, mask = by_equation(4, DECAY, two_of_four)
    np.testing.assert_allclose(model.get_weights()[0], mask * dense, atol=1e-5)


def test_resumes_to_the_same_bits():
    def new():
        model = linear_model(keras.optimizers.SGD(RATE, momentum=0.9))
        return model, Pruner(NM(2, 4), Constant(0.5, frequency=1), method=SRSTE(DECAY))

    model, pruner = new()
    pruner.attach(model)
    for _ in range(3):
        model.train_on_batch(X, Y)
    saved = model.get_weights(), pruner.get_state(), model.optimizer.variables
    saved_optimizer = [np.asarray(v) for v in saved[2]]

    other, resumed = new()
    other.optimizer.build(other.trainable_variables)
    other.set_weights(saved[0])
    resumed.attach(other, state=saved[1])
    for variable, value in zip(other.optimizer.variables, saved_optimizer, strict=True):
        variable.assign(value)
    for _ in range(3):
        model.train_on_batch(X, Y)
        other.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_weights()[0], other.get_weights()[0])
    np.testing.assert_array_equal(
        pruner.get_state()[_slot(pruner)], resumed.get_state()[_slot(resumed)]
    )


def test_detach_leaves_sparse_weights():
    model = linear_model()
    pruner = Pruner(NM(1, 4), Constant(0.75, frequency=1), method=SRSTE()).attach(model)
    model.train_on_batch(X, Y)
    pruner.detach(model)
    assert NM(1, 4).holds(model.get_weights()[0])


@pytest.mark.parametrize("decay", [-1.0, float("nan"), float("inf"), True])
def test_refuses_an_impossible_decay(decay):
    with pytest.raises(PruningError, match="decay must be"):
        SRSTE(decay)


def test_one_shot_mask_stays_with_straight_through():
    model = linear_model()
    Pruner(Unstructured(), OneShot(0.5), method=StraightThrough()).attach(model)
    before = model.get_weights()[0] != 0
    for _ in range(3):
        model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_weights()[0] != 0, before)
