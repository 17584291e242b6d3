"""Our Adam beside Keras': the same updates, masks kept, replicas included."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.pruning import OneShot, Pruner, Unstructured
from harness.training.fused_adam import Adam


def trained(kind, dtype="float32", **options):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6,), dtype=dtype),
            keras.layers.Dense(8, "tanh", dtype=dtype),
            keras.layers.Dense(3, dtype=dtype),
        ]
    )
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, 30)
    model.compile(kind(schedule, **options), keras.losses.MeanSquaredError(dtype=dtype))
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(64, 6)), rng.normal(size=(64, 3))
    model.fit(x, y, batch_size=8, epochs=3, verbose=0, shuffle=False)
    return model


@pytest.mark.parametrize(
    "options",
    [{}, {"epsilon": 0.1, "beta_1": 0.5}, {"global_clipnorm": 0.1, "weight_decay": 0.1}],
)
def test_updates_are_those_of_keras(options):
    """In float64: Adam divides a gradient by its size, so of a small one a rounding is a step."""
    ours, theirs = (trained(kind, "float64", **options) for kind in (Adam, keras.optimizers.Adam))
    found, expected = ours.optimizer.variables, theirs.optimizer.variables
    for one, other in zip([*ours.variables, *found], [*theirs.variables, *expected], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_a_sparse_gradient_is_left_to_keras():
    def step(kind):
        table = keras.Variable(np.ones((5, 2), np.float32))
        optimizer = kind(0.1)
        gradient = tf.IndexedSlices(tf.ones((2, 2)), tf.constant([1, 3]), tf.constant([5, 2]))
        optimizer.apply([gradient], [table])
        return np.array(table)

    np.testing.assert_array_equal(step(Adam), step(keras.optimizers.Adam))


def test_weights_stay_on_their_masks():
    model = trained(Adam)
    pruner = Pruner(Unstructured(), OneShot(0.5))
    pruner.attach(model)
    zero = [np.array(layer.kernel) == 0 for layer in model.layers]
    model.fit(np.ones((32, 6)), np.ones((32, 3)), verbose=0, callbacks=[pruner.callback()])
    for layer, gone in zip(model.layers, zero, strict=True):
        assert gone.sum() == gone.size // 2
        np.testing.assert_array_equal(np.array(layer.kernel) == 0, gone)
