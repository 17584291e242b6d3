"""The fused batch normalization against the layer of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.models.layers.standard import BatchNorm, Dropout


def pair(**options):
    """Our layer and Keras', with the same weights."""
    ours, stock = BatchNorm(**options), keras.layers.BatchNormalization(**options)
    rng = np.random.default_rng(0)
    for layer in (ours, stock):
        layer.build((None, 5, 4, 6))
    values = [rng.uniform(0.5, 1.5, weight.shape) for weight in ours.weights]
    ours.set_weights(values)
    stock.set_weights(values)
    return ours, stock


def images(dtype="float32", shape=(3, 5, 4, 6)):
    return tf.constant(np.random.default_rng(1).normal(1.0, 2.0, shape), dtype)


def run(layer, x, training):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=training)
        # Weighted, for the gradient of a plain sum through normalization is zero.
        loss = tf.reduce_sum(tf.cast(y, "float32") * tf.reshape(tf.range(360.0), (3, 5, 4, 6)))
    return y, tape.gradient(loss, [x, *layer.trainable_variables])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "options",
    [{}, {"scale": False}, {"center": False}, {"momentum": 0.9, "epsilon": 0.01}, {"axis": 3}],
)
def test_outputs_gradients_and_moving_averages_are_those_of_keras(options, training):
    ours, stock = pair(**options)
    (y, gradients), (expected, wanted) = (run(layer, images(), training) for layer in (ours, stock))
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    for gradient, reference in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(gradient, reference, rtol=2e-4, atol=2e-3)
    for weight, reference in zip(ours.weights, stock.weights, strict=True):
        assert weight.name == reference.name
        np.testing.assert_allclose(weight, reference, rtol=1e-6)


def test_the_moving_variance_is_the_biased_one():
    layer = BatchNorm(momentum=0.0)
    x = images(shape=(2, 1, 1, 6))  # of two values, the unbiased variance is twice the biased
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_variance, x.numpy().var(axis=(0, 1, 2)), rtol=1e-5)


def test_one_value_a_channel_has_no_variance():
    layer = BatchNorm(momentum=0.0)
    layer(images(shape=(1, 1, 1, 6)), training=True)
    np.testing.assert_array_equal(layer.moving_variance, np.zeros(6))


def test_synchronization_costs_a_single_replica_nothing():
    fused, synchronized = BatchNorm(), BatchNorm(synchronized=True)
    x = images()
    np.testing.assert_array_equal(synchronized(x, training=True), fused(x, training=True))
    for weight, reference in zip(synchronized.weights, fused.weights, strict=True):
        np.testing.assert_array_equal(weight, reference)
    step = tf.function(lambda x: synchronized(x, training=True)).get_concrete_function(x)
    assert "FusedBatchNormV3" in {operation.type for operation in step.graph.get_operations()}


def test_dropout_of_a_single_replica_is_that_of_keras():
    ours, stock = Dropout(0.4, seed=3), keras.layers.Dropout(0.4, seed=3)
    for _ in range(2):
        np.testing.assert_array_equal(ours(images(), training=True), stock(images(), training=True))
    np.testing.assert_array_equal(ours(images()), images())


def test_a_frozen_layer_uses_its_moving_averages():
    ours, stock = pair()
    ours.trainable = stock.trainable = False
    before = [weight.numpy() for weight in ours.weights]
    np.testing.assert_allclose(
        ours(images(), training=True), stock(images(), training=True), rtol=1e-5, atol=1e-5
    )
    for weight, value in zip(ours.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("training", [True, False])
def test_mixed_precision_computes_in_float32(policy, training):
    ours, stock = pair(dtype=policy)
    dtype = policy.removeprefix("mixed_")
    y, expected = (layer(images(dtype), training=training) for layer in (ours, stock))
    assert y.dtype == expected.dtype == dtype
    np.testing.assert_allclose(tf.cast(y, "float32"), tf.cast(expected, "float32"), rtol=1e-2)
    np.testing.assert_allclose(ours.moving_variance, stock.moving_variance, rtol=1e-5)


@pytest.mark.parametrize("shape", [(8, 6), (4, 7, 6), (2, 3, 3, 3, 6)])
def test_other_ranks_are_left_to_keras(shape):
    ours, stock = BatchNorm(), keras.layers.BatchNormalization()
    x = images(shape=shape)
    np.testing.assert_array_equal(ours(x, training=True), stock(x, training=True))


def test_other_axes_and_masks_are_left_to_keras():
    x = images()
    ours, stock = BatchNorm(axis=1), keras.layers.BatchNormalization(axis=1)
    np.testing.assert_array_equal(ours(x, training=True), stock(x, training=True))
    mask = tf.constant(np.random.default_rng(2).random((3, 5, 4)) > 0.5)
    ours, stock = BatchNorm(), keras.layers.BatchNormalization()
    np.testing.assert_array_equal(
        ours(x, training=True, mask=mask), stock(x, training=True, mask=mask)
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_it_trains_in_a_graph_of_unknown_batch_size(jit_compile):
    def step(layer):
        @tf.function(
            jit_compile=jit_compile, input_signature=[tf.TensorSpec((None, 5, 4, 6), tf.float32)]
        )
        def run(x):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(layer(x, training=True)[:, 1:] ** 3)
            for weight, gradient in zip(
                layer.trainable_variables,
                tape.gradient(loss, layer.trainable_variables),
                strict=True,
            ):
                weight.assign_sub(0.1 * gradient)

        return run

    layers = pair(momentum=0.5)
    steps = [step(layer) for layer in layers]
    for count in (3, 3, 2):
        for run in steps:
            run(images(shape=(count, 5, 4, 6)))
    for ours, stock in zip(*(layer.weights for layer in layers), strict=True):
        np.testing.assert_allclose(ours, stock, rtol=1e-4, atol=1e-5)
