"""Our convolutions, alone and in front of our normalization, against the layers of Keras."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.models.layers import standard as ours

# One for each way to compute it: products, patches, the kernel of TensorFlow.
CONVOLUTIONS = {
    "pointwise": ("Conv2D", (7, 1), {}),
    "patches": ("Conv2D", (40, (3, 2)), {"strides": (2, 1), "padding": "same"}),
    "valid patches": ("Conv2D", (24, 1), {"strides": 2, "activation": "relu"}),
    "wide": ("Conv2D", (5, 3), {"strides": 2, "padding": "same"}),
    "dilated": ("Conv2D", (40, 2), {"dilation_rate": 2}),
    "depthwise": ("DepthwiseConv2D", (3, 2), {"padding": "same"}),
}
CONVOLUTION = pytest.mark.parametrize("name", CONVOLUTIONS)


class Block:
    """A convolution, and a normalization behind it if asked, with random weights."""

    def __init__(self, library, name, channels, norm=None, **options):
        kind, sizes, chosen = CONVOLUTIONS[name]
        self.layers = [getattr(library, kind)(*sizes, **chosen, **options)]
        if norm:
            self.layers.append(
                norm(momentum=0.5, **{k: options[k] for k in options if k == "dtype"})
            )
        shape = (None, 9, 6, channels)
        rng = np.random.default_rng(0)
        for layer in self.layers:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) - 0.6 for w in layer.weights[:2]]
                              + [w.numpy() for w in layer.weights[2:]])  # fmt: skip

    def __call__(self, x):
        for layer in self.layers:
            options = {"training": True} if "BatchNorm" in type(layer).__name__ else {}
            x = layer(x, **options)
        return x

    def variables(self, trainable=True):
        return [v for layer in self.layers for v in layer.variables if v.trainable == trainable]

    def gradients(self, x):
        """The outputs, and the gradients of all weights and of the inputs.

        Of a loss that is flat at zero: on which side of it a rounding leaves the input of a ReLU
        must not matter.
        """
        weights = [variable for layer in self.layers for variable in layer.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = self(x)
            loss = tf.reduce_sum(tf.cos(3 * tf.cast(y, tf.float32)))
        return y, dict(zip(["inputs", *(f"{i} {w.name}" for i, w in enumerate(weights))],
                           tape.gradient(loss, [x, *weights]), strict=True))  # fmt: skip


def images(name, dtype="float32", mean=1.0):
    channels = 1 if name in ("patches", "dilated") else 3
    return tf.constant(np.random.default_rng(1).normal(mean, 1.0, (4, 9, 6, channels)), dtype)


def pair(name, norm=True, **options):
    channels = images(name).shape[-1]
    stock = keras.layers.BatchNormalization if norm else None
    return (
        Block(ours, name, channels, ours.BatchNorm if norm else None, **options),
        Block(keras.layers, name, channels, stock, **options),
    )


def agree(found, expected, within=2e-5):
    (y, some), (wanted, others) = found, expected
    np.testing.assert_allclose(y, wanted, atol=within * np.abs(wanted).max(), rtol=0)
    for name, gradient in others.items():
        scale = max(np.abs(gradient).max(), 1.0)
        np.testing.assert_allclose(some[name], gradient, atol=within * scale, rtol=0, err_msg=name)


@pytest.mark.parametrize("bias", [True, False])
@CONVOLUTION
def test_alone_it_has_the_outputs_and_gradients_of_keras(name, bias):
    found, expected = (b.gradients(images(name)) for b in pair(name, norm=False, use_bias=bias))
    agree(found, expected)
    biases = [value for key, value in found[1].items() if "bias" in key]
    assert all(np.abs(value).max() > 0.1 for value in biases), "nothing normalizes it away"


@pytest.mark.parametrize("graph", [True, False])
@CONVOLUTION
def test_normalized_it_trains_as_keras_does(name, graph):
    layers = pair(name)
    x = images(name)
    run = tf.function if graph else lambda step: step
    found, expected = (run(block.gradients)(x) for block in layers)
    if CONVOLUTIONS[name][2].get("activation") is None:
        np.testing.assert_array_equal(found[1]["1 bias"], 0)
        np.testing.assert_allclose(expected[1].pop("1 bias"), 0, atol=2e-3)  # rounding errors
    agree(found, expected, within=1e-4)
    for moving, reference in zip(*(b.variables(trainable=False) for b in layers), strict=True):
        np.testing.assert_allclose(moving, reference, rtol=1e-5, atol=1e-5)


@CONVOLUTION
def test_in_front_of_a_frozen_normalization_the_bias_learns(name):
    layers = pair(name)
    for block in layers:
        block.layers[1].trainable = False
    found, expected = (block.gradients(images(name)) for block in layers)
    agree(found, expected)
    assert np.abs(found[1]["1 bias"]).max() > 0.1


def test_a_second_use_of_the_outputs_reaches_the_bias():
    """Its gradient is not that of the normalization alone then."""
    grads = []
    for block in pair("pointwise"):
        conv, norm = block.layers
        with tf.GradientTape() as tape:
            z = conv(images("pointwise"))
            loss = tf.reduce_sum(norm(z, training=True) ** 3) + tf.reduce_sum(z**2)
        grads.append(tape.gradient(loss, conv.bias.value))
    np.testing.assert_allclose(*grads, rtol=1e-4)


def test_normalized_patches_are_at_least_as_exact_as_the_layers_of_keras():
    """Inputs as a front end has them: alike in time, with a mean far from zero."""
    rng = np.random.default_rng(2)
    x = np.cumsum(rng.normal(0, 0.3, (8, 9, 6, 1)), 1) - 30
    wanted, reference = Block(
        keras.layers, "patches", 1, keras.layers.BatchNormalization, dtype="float64"
    ).gradients(tf.constant(x))

    def error(block):
        y, gradients = block.gradients(tf.constant(x, tf.float32))
        pairs = [(y, wanted), *((gradients[name], reference[name]) for name in reference)]
        return [
            np.abs(np.asarray(a, np.float64) - b).max() / max(np.abs(b).max(), 1e-3)
            for a, b in pairs
        ]

    found, expected = (error(block) for block in pair("patches"))
    assert max(found) < 1e-4
    assert sum(np.log(found) - np.log(expected)) < 1, "no less exact, taken together"


@pytest.mark.parametrize("count", [1, 20])
def test_normalized_patches_that_are_all_alike_are_zero(count):
    """Digital silence as a front end gives it: nothing varies, and no rounding may look so."""
    layer, norm = ours.Conv2D(40, (3, 2)), ours.BatchNorm(momentum=0.0)
    x = tf.fill((count, 49, 10, 1), -247.3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = norm(layer(x), training=True)
        loss = tf.reduce_sum(tf.sin(y + 0.5))
    dx, dkernel = tape.gradient(loss, [x, layer.kernel.value])
    for found in (y, norm.moving_variance, dkernel):
        np.testing.assert_allclose(found, 0, atol=1e-5)
    np.testing.assert_allclose(dx, 0, atol=1e-2)  # a difference of sums of some hundreds
    wanted = -247.3 * layer.kernel.numpy().sum((0, 1, 2))
    np.testing.assert_allclose(norm.moving_mean, wanted, rtol=1e-5, atol=1e-4)


def normalized(x, layer):
    """Not `keras.layers.BatchNormalization`: its moments stop a gradient that is zero once."""
    mean = tf.reduce_mean(x, (0, 1, 2))
    variance = tf.reduce_mean((x - mean) ** 2, (0, 1, 2))
    return (x - mean) * tf.math.rsqrt(variance + layer.epsilon) * layer.gamma + layer.beta


@pytest.mark.parametrize("name", ["pointwise", "patches", "wide", "depthwise"])
def test_second_derivatives_are_right(name):
    """As a penalty on gradients takes them."""

    def of_penalty(forward, weights):
        x = images(name)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(tf.sin(forward(x)))
            penalty = tf.reduce_sum(tape.gradient(loss, x) ** 2)
        return outer.gradient(penalty, [x, *weights])

    block, (conv, norm) = pair(name)[0], pair(name)[1].layers
    weights = [layer.trainable_variables[0].value for layer in block.layers]
    references = [conv.kernel.value, norm.gamma.value]
    wanted = of_penalty(lambda x: normalized(conv(x), norm), references)
    for found, expected in zip(of_penalty(block, weights), wanted, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max(), rtol=0)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@CONVOLUTION
def test_mixed_precision(name, policy):
    found, expected = (
        block.gradients(images(name, policy.removeprefix("mixed_"), mean=0.0))
        for block in pair(name, norm=False, dtype=policy)
    )
    assert found[0].dtype == expected[0].dtype == policy.removeprefix("mixed_")
    cast = [(tf.cast(y, "float32"), {k: tf.cast(g, "float32") for k, g in gradients.items()})
            for y, gradients in (found, expected)]  # fmt: skip
    agree(*cast, within=0.05)


def test_other_layouts_are_left_to_keras():
    x = tf.constant(np.random.default_rng(1).normal(size=(2, 4, 5, 6)), tf.float32)
    layers = [k.Conv2D(8, 1, groups=2) for k in (ours, keras.layers)]
    for layer in layers:
        layer.build(x.shape)
    layers[1].set_weights(layers[0].get_weights())
    np.testing.assert_array_equal(layers[0](x), layers[1](x))
    first = ours.Conv2D(8, 1, data_format="channels_first")
    assert first.compute_output_shape((2, 3, 4, 5)) == (2, 8, 4, 5)


def test_a_net_of_any_size_of_images_is_built():
    image = keras.Input((None, None, 3))
    model = keras.Model(image, ours.BatchNorm()(ours.Conv2D(4, 1)(image)))
    assert model.output_shape == (None, None, None, 4)
    x = tf.constant(np.random.default_rng(1).normal(size=(2, 3, 5, 3)), tf.float32)
    sizes = tf.TensorSpec((None, None, None, 3))
    trained = tf.function(lambda images: model(images, training=True), input_signature=[sizes])
    np.testing.assert_allclose(trained(x), model(x, training=True), atol=1e-5)


def test_the_graph_that_trains_has_no_slow_merged_kernel():
    """oneDNN's one kernel for training normalization and ReLU takes as long as six of them."""
    from tensorflow.python.eager import context

    block = Block(ours, "pointwise", 3, ours.BatchNorm)

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.nn.relu(block(x)) ** 2)
        return tape.gradient(loss, block.layers[0].kernel.value)

    context.context().enable_run_metadata()
    try:
        step(images("pointwise"))
        graphs = context.context().export_run_metadata().partition_graphs
    finally:
        context.context().disable_run_metadata()
    kinds = {node.op for graph in graphs for node in graph.node}
    assert any("FusedBatchNormV3" in kind for kind in kinds)
    assert not any("FusedBatchNormEx" in kind for kind in kinds)
    assert not any("BiasAddGrad" in kind or "WithBias" in kind for kind in kinds)


@pytest.mark.slow
def test_two_devices_train_it():
    """Each normalizes its share of the batch; their mean gradient trains both copies."""
    code = """
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
x = np.random.default_rng(0).normal(0, 3, (8, 49, 10, 1)).astype("float32")
y = np.arange(8) % 3
losses = []
keras.utils.set_random_seed(0)
weights = None
for stock in (False, True):
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = models.build(DsCnnL(filters=161), (49, 10, 1), 3)
        model = plain(model) if stock else model
        weights = weights or model.get_weights()
        model.set_weights(weights)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.02), loss, jit_compile=False)
    losses.append([model.fit(x, y, batch_size=8, verbose=0).history["loss"][0] for _ in range(3)])
np.testing.assert_allclose(*losses, rtol=1e-3)
assert losses[0][-1] < losses[0][0]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
