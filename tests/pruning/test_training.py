"""Pruning wherever Keras trains: weights are sparse at every moment, masks follow the schedule."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from harness.pruning import (
    NM,
    Constant,
    Global,
    OneShot,
    Pruner,
    Taylor,
    Unstructured,
)
from tests.pruning.small_models import (
    SCHEDULE,
    Watch,
    assert_sparse,
    data,
    expected,
    functional,
    nested,
    sequential,
    shared,
    subclassed,
    weights,
)


@pytest.mark.parametrize("make", [sequential, functional, subclassed, nested, shared])
@pytest.mark.parametrize("mode", ["graph", "eager", "several steps per execution"])
def test_models_and_modes(make, mode):
    keras.utils.set_random_seed(0)
    model = make()
    steps = 4 if mode.startswith("several") else 1
    model.compile("adam", "mse", run_eagerly=mode == "eager", steps_per_execution=steps)
    pruner = Pruner(Unstructured(), SCHEDULE).attach(model)
    watch = Watch(pruner)
    model.fit(*data(), batch_size=16, epochs=3, verbose=0, callbacks=[pruner.callback(), watch])
    assert [step for step, _ in watch.seen] == list(range(steps, 13, steps))
    total = pruner.summary().prunable_params
    for step, sparsity in watch.seen:
        assert sparsity == pytest.approx(expected(step), abs=1 / total)


def test_steps_per_execution_and_eager_give_the_same_masks():
    def masks(**options):
        keras.utils.set_random_seed(0)
        model = sequential()
        model.compile("sgd", "mse", **options)
        pruner = Pruner(Unstructured(), SCHEDULE, allocation=Global()).attach(model)
        model.fit(*data(), batch_size=16, epochs=3, shuffle=False, verbose=0)
        return pruner.get_state()

    one, many, eager = masks(), masks(steps_per_execution=3), masks(run_eagerly=True)
    for key, value in one.items():
        np.testing.assert_array_equal(value, many[key])
        np.testing.assert_array_equal(value, eager[key])


def test_weights_regrow_from_just_updated_values():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, use_bias=False)])
    kernel = model.layers[0].kernel
    kernel.assign([[4.0], [3.0], [0.1], [0.2]])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    pruner = Pruner(Unstructured(), Constant(0.5, frequency=1)).attach(model)
    assert kernel.numpy().ravel().tolist() == [4, 3, 0, 0]
    # Only the third input is on, and wants a large weight: its dense gradient brings it back.
    model.train_on_batch(np.float32([[0, 0, 1, 0]]), np.float32([[5]]))
    assert kernel.numpy().ravel().tolist() == [4, 0, 10, 0]
    assert pruner.step == 1


@pytest.mark.parametrize("score", [None, Taylor()])
def test_gradient_accumulation_counts_updates(score):
    keras.utils.set_random_seed(0)
    model = sequential()
    model.compile(keras.optimizers.SGD(0.1, gradient_accumulation_steps=3), "mse")
    pruner = Pruner(Unstructured(), Constant(0.5, begin_step=2, frequency=2), score).attach(model)
    watch = Watch(pruner)
    model.fit(*data(48), batch_size=8, epochs=2, verbose=0, callbacks=[pruner.callback(), watch])
    assert [step for step, _ in watch.seen] == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    assert [sparsity for _, sparsity in watch.seen] == [0.0] * 5 + [0.5] * 7


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
@pytest.mark.parametrize("score", [None, Taylor()])
def test_precision_policies_survive(policy, score):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(8, 3, dtype=policy),
            layers.Flatten(),
            layers.Dense(5, dtype="float32", activity_regularizer="l2"),
        ]
    )
    optimizer = keras.optimizers.SGD(0.01)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, "mse")
    pruner = Pruner(Unstructured(), SCHEDULE, score).attach(model)
    model.fit(*data(), batch_size=16, epochs=3, verbose=0, callbacks=[pruner.callback()])
    assert pruner.step == 12
    assert assert_sparse(pruner) == pytest.approx(0.8, abs=1e-3)
    assert model.layers[0].dtype_policy.name == policy
    assert model.layers[-1].compute_dtype == "float32"
    assert len(model.losses) == 1
    pruner.detach()


def test_steps_with_infinite_gradients_are_not_counted():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), "mse")
    pruner = Pruner(Unstructured(), Constant(0.5, begin_step=1, frequency=1)).attach(model)
    model.train_on_batch(np.full((2, 4), np.inf, np.float32), np.zeros((2, 3), np.float32))
    assert pruner.step == 0
    model.train_on_batch(np.ones((2, 4), np.float32), np.zeros((2, 3), np.float32))
    assert pruner.step == 1


def test_masks_of_mask_zero_and_recurrent_layers_survive():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((7,), dtype="int32"),
            layers.Embedding(12, 8, mask_zero=True),
            layers.Bidirectional(layers.LSTM(6)),
            layers.Dense(2),
        ]
    )
    model.compile("adam", "mse")
    pruner = Pruner(NM(1, 4), Constant(0.75, frequency=2)).attach(model)
    words = np.random.default_rng(0).integers(1, 12, (16, 7))
    padded = np.concatenate([words[:, :4], np.zeros((16, 3), int)], axis=1)
    model.fit(padded, np.ones((16, 2)), verbose=0, callbacks=[pruner.callback()])
    assert_sparse(pruner)
    short, long = (model.predict(x, verbose=0) for x in (words[:, :4], padded))
    np.testing.assert_allclose(short, long, atol=1e-5)  # padding is still masked


def test_averaged_weights_stay_sparse():
    model = sequential()
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    pruner = Pruner(Unstructured(), SCHEDULE).attach(model)
    model.fit(*data(), batch_size=16, epochs=3, verbose=0, callbacks=[pruner.callback()])
    assert assert_sparse(pruner) == pytest.approx(0.8, abs=2e-3)


def test_attaching_after_a_fit_is_not_lost_in_an_old_trace():
    model = sequential()
    model.compile("sgd", "mse")
    model.fit(*data(16), verbose=0)
    pruner = Pruner(Unstructured(), Constant(0.5, frequency=1)).attach(model)
    model.fit(*data(16), verbose=0)
    assert pruner.step == 1
    assert assert_sparse(pruner) == 0.5


def test_compiling_after_attaching_is_followed():
    model = sequential()
    pruner = Pruner(Unstructured(), SCHEDULE, Taylor()).attach(model)
    optimizers = []
    for _ in range(2):
        model.compile("adam", "mse")
        model.fit(*data(), batch_size=16, epochs=2, verbose=0, callbacks=[pruner.callback()])
        optimizers.append(model.optimizer)
    assert pruner.step == 16
    assert ["apply" in vars(optimizer) for optimizer in optimizers] == [False, True]
    assert assert_sparse(pruner) == pytest.approx(0.8, abs=2e-3)


def test_weights_loaded_between_attach_and_fit_are_pruned_by_their_own_values():
    model = sequential()
    model.compile("sgd", "mse")
    pruner = Pruner(Unstructured(), OneShot(0.5)).attach(model)
    loaded = np.random.default_rng(5).standard_normal(model.layers[0].kernel.shape)
    model.layers[0].kernel.assign(loaded)
    model.fit(*data(16), verbose=0, callbacks=[pruner.callback()])
    mask = weights(pruner)[0].mask.numpy()
    assert np.abs(loaded)[mask].min() >= np.abs(loaded)[~mask].max()


def test_nan_at_a_refresh_names_the_weight():
    model = sequential()
    model.compile("sgd", "mse")
    pruner = Pruner(Unstructured(), Constant(0.5, frequency=1)).attach(model)
    x, y = data(16)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"NaN in the scores of.*kernel"):
        model.fit(x * np.nan, y, verbose=0, callbacks=[pruner.callback()])
