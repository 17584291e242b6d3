"""Dead channels are taken out of every model that can lose any, and nothing else changes."""

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.models import MODELS, build
from harness.models.layers.multiply_adds import count
from harness.models.layers.plain import plain
from harness.pruning import (
    BatchNormScale,
    Global,
    OneShot,
    Pruner,
    PruningError,
    TiedChannels,
    shrink,
)
from harness.pruning.same_function import all_outputs, difference

L = keras.layers
SMALL = {
    "mobilenet_v1": ({"width": 0.25}, (32, 32, 3), 10),
    "mobilenet_v2": ({"width": 0.35}, (32, 32, 3), 10),
    "inception_v3": ({"width": 0.25}, (75, 75, 3), 10),
    "ds_cnn_l": ({"filters": 16}, (49, 10, 1), 12),
    "mnist_cnn": ({"filters": [4, 8], "units": 32}, (28, 28, 1), 10),
    "imdb_lstm": ({"vocabulary_size": 50, "embedding": 8, "units": 12}, (20,), 2),
}


def model_of(name):
    given, shape, classes = SMALL[name]
    keras.utils.set_random_seed(0)
    return build(MODELS.find(name)(**given), shape, classes)


def inputs_of(model, size=4):
    shape, rng = model.inputs[0].shape[1:], np.random.default_rng(1)
    if "int" in model.inputs[0].dtype:
        return rng.integers(0, 50, (size, *shape))
    return rng.normal(size=(size, *shape)).astype(np.float32)


def trained(model):
    """Weights as no initialisation leaves them: every bias, shift and average is something."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.5, 2, weight.shape))
        elif weight.name in ("beta", "bias", "moving_mean"):
            weight.assign(rng.normal(size=weight.shape) / 4)
    return model


def pruned(model, sparsity=0.4, score=None, allocation=None):
    pruner = Pruner(TiedChannels(), OneShot(sparsity), score, allocation).attach(trained(model))
    pruner.detach(model)
    return model


#: Models all channels of which a batch normalization scales.
SCALED = ["mobilenet_v1", "mobilenet_v2", "ds_cnn_l"]
WAYS = [*((name, None, None) for name in SMALL)]
WAYS += [(name, BatchNormScale(), Global()) for name in SCALED]
WAYS += [("ds_cnn_l", BatchNormScale(), None)]


@pytest.mark.parametrize(("name", "score", "allocation"), WAYS)
def test_every_model_becomes_smaller_and_does_what_it_did(name, score, allocation):
    model = plain(pruned(model_of(name), 0.4, score, allocation))
    before = [value.copy() for value in model.get_weights()]
    inputs = inputs_of(model)
    found = shrink(model, inputs)
    assert difference(all_outputs(model, inputs), all_outputs(found.model, inputs)) < 1e-4
    assert found.removed == pytest.approx(0.4 * found.channels, rel=0.05)
    assert found.parameters == model.count_params()
    assert found.model.count_params() < 0.75 * found.parameters
    assert count(found.model).dense < 0.75 * count(model).dense
    assert [layer.name for layer in found.model.layers] == [layer.name for layer in model.layers]
    for value, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, kept)
    with pytest.raises(PruningError, match="has no dead channels to remove"):
        shrink(found.model, inputs)


@pytest.mark.parametrize("name", sorted(SMALL.keys() - set(SCALED)))
def test_scales_judge_no_channels_that_have_none(name):
    """Keras' InceptionV3 has batch normalizations without a scale, others layers without any."""
    with pytest.raises(
        PruningError, match=r"no batch normalization scales the channels of .*gamma"
    ):
        pruned(model_of(name), 0.4, BatchNormScale())


def test_what_is_saved_loads_as_an_ordinary_model(tmp_path):
    model = plain(pruned(model_of("mobilenet_v2")))
    small = shrink(model).model
    small.save(tmp_path / "small.keras")
    again = keras.saving.load_model(tmp_path / "small.keras")
    inputs = inputs_of(model)
    np.testing.assert_array_equal(all_outputs(again, inputs)[0], all_outputs(small, inputs)[0])


# --- graphs of all kinds ----------------------------------------------------------------------


def _activated(x, draw):
    kind = draw(st.sampled_from(["relu", "relu6", "tanh", "silu", "gelu", "sigmoid", "softmax"]))
    return L.Activation(kind)(x) if draw(st.booleans()) else L.ReLU(6.0)(x)


def _block(x, draw):
    kind = draw(
        st.sampled_from(["conv", "depthwise", "residual", "branches", "pool", "norm", "gate"])
    )
    width = x.shape[-1]
    if kind == "conv":
        padding = draw(st.sampled_from(["same", "valid"]))
        filters = draw(st.integers(1, 6))
        x = L.Conv2D(filters, 3 if min(x.shape[1:3]) > 2 else 1, padding=padding)(x)
        return _activated(L.BatchNormalization(scale=draw(st.booleans()))(x), draw)
    if kind == "depthwise":
        return _activated(L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same")(x)), draw)
    if kind == "residual":
        return L.Add()(
            [x, L.Conv2D(width, 1, activation=draw(st.sampled_from(["relu", "sigmoid"])))(x)]
        )
    if kind == "branches":
        return L.Concatenate()([L.Conv2D(draw(st.integers(1, 4)), 1)(x), x])
    if kind == "gate":  # squeeze and excite
        share = L.Dense(width, activation="sigmoid")(L.GlobalAveragePooling2D()(x))
        return L.Multiply()([x, L.Reshape((1, 1, width))(share)])
    if kind == "norm":
        return draw(st.sampled_from([L.LayerNormalization, L.BatchNormalization]))()(x)
    return L.AveragePooling2D(2, padding="same")(x)


@st.composite
def graphs(draw):
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(draw(st.integers(2, 6)), 3, strides=1, padding="same")(inputs)
    for _ in range(draw(st.integers(1, 5))):
        x = _block(x, draw)
    x = L.Flatten()(x) if draw(st.booleans()) else L.GlobalMaxPooling2D()(x)
    x = L.Dense(draw(st.integers(2, 8)), activation="relu")(x)
    return keras.Model(inputs, L.Dense(2)(x)), draw(st.integers(0, 99))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs())
def test_any_graph_does_what_it_did(drawn):
    model, seed = drawn
    keras.utils.set_random_seed(seed)
    pruned(model, 0.5)  # the last hidden layer, at least, can lose units
    inputs = inputs_of(model)
    found = shrink(model, inputs)
    assert found.removed > 0
    assert difference(all_outputs(model, inputs), all_outputs(found.model, inputs)) < 1e-4


def test_channels_that_nothing_reads_go_and_take_others_with_them():
    inputs = keras.Input((5,))
    first = L.Dense(6, activation="relu", name="first")
    second = L.Dense(4, activation="relu", name="second")
    last = L.Dense(2)
    model = keras.Model(inputs, last(second(first(inputs))))
    kernel = last.kernel.numpy()
    kernel[1:] = 0  # of the second layer's units only one is read
    last.kernel.assign(kernel)
    kernel = second.kernel.numpy()
    kernel[:4, 0] = 0  # which itself reads two of the first's
    second.kernel.assign(kernel)
    found = shrink(model)
    assert [layer.units for layer in found.model.layers[1:]] == [2, 1, 2]


def test_a_shift_keeps_a_channel_of_zeros():
    inputs = keras.Input((4, 4, 2))
    x = L.Conv2D(4, 1, use_bias=False, name="conv")(inputs)
    norm = L.BatchNormalization(name="norm")
    model = keras.Model(inputs, L.Conv2D(2, 3)(L.ReLU()(norm(x))))
    kernel = model.get_layer("conv").kernel
    kernel.assign(kernel * [0, 0, 1, 1])
    norm.moving_mean.assign([-1, 0, 0, 0])  # so the first channel is 1, not 0
    assert shrink(model).removed == 1
    norm.beta.assign([0, 0.5, 0, 0])
    with pytest.raises(PruningError, match="no dead channels"):
        shrink(model)


# --- refusals ---------------------------------------------------------------------------------


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = L.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


def test_a_model_without_a_graph_is_refused_in_a_line():
    model = Own()
    model(np.zeros((1, 3), np.float32))
    for attempt in (
        lambda: shrink(model),
        lambda: Pruner(TiedChannels(), OneShot(0.5)).attach(model),
    ):
        with pytest.raises(PruningError, match="is a Own without one") as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_a_model_of_fixed_channels_is_refused_in_a_line():
    model = keras.Sequential([keras.Input((3,)), L.Dense(2)])
    with pytest.raises(PruningError, match="can be removed: model input; model output"):
        shrink(model)


class Odd(L.Dense):
    """Says it is a Dense layer and is none."""

    def call(self, inputs):
        outputs = super().call(inputs)
        return outputs / (1 + keras.ops.mean(keras.ops.abs(outputs), axis=-1, keepdims=True))


def test_outputs_that_change_are_refused():
    model = keras.Sequential([keras.Input((3,)), Odd(8), L.Dense(2)])
    with pytest.raises(PruningError, match="changed its outputs by"):
        shrink(pruned(model))
