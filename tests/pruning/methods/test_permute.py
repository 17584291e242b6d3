"""Channel permutation leaves a model's function alone and lets 2:4 keep more."""

import keras
import numpy as np
import pytest

from harness.models.layers.standard import BatchNorm
from harness.pruning import (
    NM,
    ByName,
    Pruner,
    PruningError,
    PruningWarning,
    Unstructured,
    permute_channels,
)
from harness.pruning.same_function import difference

L = keras.layers
RANDOM = np.random.default_rng(0)


def unlike(model):
    """Gives every weight a value of its own, so that a channel out of place would show."""
    for variable in model.variables:
        value = RANDOM.lognormal(0, 1, variable.shape)
        if "variance" not in variable.name:
            value *= RANDOM.choice([-1, 1], variable.shape)
        variable.assign(0.3 * value)
    return model


def residual():
    image = L.Input((8, 8, 3))
    x = L.Conv2D(16, 3, padding="same", name="stem")(image)
    x = L.ReLU()(BatchNorm()(x))
    y = L.DepthwiseConv2D(3, padding="same")(x)
    y = L.Conv2D(16, 1, activation="relu", name="body")(L.LayerNormalization()(y))
    x = L.Add()([x, y])
    x = L.Conv2D(8, 3, name="head")(L.PReLU(shared_axes=[1, 2])(x))
    return keras.Model(image, L.Dense(5, name="logits")(L.GlobalAveragePooling2D()(x)))


def concatenated():
    image = L.Input((8, 8, 3))
    a = L.Conv2D(8, 1, name="a")(image)
    b = L.SeparableConv2D(12, 3, padding="same", name="b")(L.Conv2D(8, 1, name="c")(image))
    x = L.BatchNormalization()(L.Concatenate()([a, b]))
    x = L.Conv2DTranspose(8, 3, name="up")(x)
    x = L.Dense(16, activation="gelu", name="hidden")(L.Flatten()(x))
    return keras.Model(image, L.Dense(3, name="logits")(x))


def squeeze_and_excite():
    image = L.Input((6, 6, 4))
    x = L.Conv2D(16, 3, name="conv")(image)
    gate = L.Reshape((1, 1, 16))(L.GlobalAveragePooling2D()(x))
    gate = L.Conv2D(8, 1, activation="silu", name="squeeze")(gate)
    gate = L.Conv2D(16, 1, activation="sigmoid", name="excite")(gate)
    x = L.Multiply()([x, gate]) + x
    x = keras.ops.relu(x) * 2.0
    return keras.Model(image, L.Dense(2, name="logits")(L.Flatten()(x)))


def nested():
    inner = keras.Sequential([L.Input((12,)), L.Dense(16, name="one"), L.Dense(12, name="two")])
    given = L.Input((6,))
    x = L.Dense(12, name="before")(given)
    x = inner(inner(x))  # one model used twice
    return keras.Model(given, L.Dense(4, name="after")(x))


def text():
    return keras.Sequential(
        [
            L.Input((7,), dtype="int32"),
            L.Embedding(20, 16, name="embedding"),
            L.Conv1D(8, 3, name="conv"),
            L.GlobalMaxPooling1D(),
            L.Dense(2, name="logits"),
        ]
    )


MODELS = [residual, concatenated, squeeze_and_excite, nested, text]


def kept(model, pattern):
    """Magnitude that a pattern keeps in a model's pruned kernels."""
    before = model.get_weights()
    pruner = Pruner(pattern).attach(model)
    total = sum(
        float(np.abs(w.variable.numpy()).sum(dtype=np.float64)) for w in pruner.engine.weights
    )
    pruner.detach(model)
    model.set_weights(before)
    return total


@pytest.mark.parametrize("build", MODELS)
def test_same_function_and_more_kept(build):
    model = unlike(build())
    shape = model.input_shape[1:]
    x = RANDOM.normal(size=(4, *shape)) if build is not text else RANDOM.integers(0, 20, (4, 7))
    before, kept_before = model.predict(x, verbose=0), kept(model, NM(2, 4))
    weights = [np.sort(w.ravel()) for w in model.get_weights()]
    report = permute_channels(model, NM(2, 4))
    np.testing.assert_allclose(
        model.predict(x, verbose=0), before, rtol=1e-3, atol=1e-4 * np.abs(before).max()
    )
    assert kept(model, NM(2, 4)) > kept_before * 1.005
    assert report.kept_after / report.kept_before == pytest.approx(
        kept(model, NM(2, 4)) / kept_before, rel=1e-4
    )
    assert sum(group.order is not None for group in report.groups) >= 1
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, np.sort(new.ravel()))


def test_siblings_share_a_permutation():
    report = permute_channels(unlike(residual()), NM(2, 4))
    shared = next(g for g in report.groups if "body/kernel" in g.kernels)
    assert shared.kernels == ("body/kernel", "head/kernel")
    assert shared.channels == 16


def test_says_why_channels_stay():
    report = permute_channels(unlike(residual()), NM(2, 4))
    reasons = {g.reason for g in report.groups if g.order is None}
    assert reasons == {"model input", "model output"}
    sequence = L.Input((5, 8))
    x = L.Dense(8, name="mixed")(sequence)
    x = L.Dense(8, name="free")(L.LSTM(8, name="lstm")(x))
    x = L.Dense(4, name="end")(L.GroupNormalization(2, name="groups")(x))
    model = keras.Model(sequence, L.Dense(8, name="last")(x))
    report = permute_channels(unlike(model), NM(2, 4), scope=ByName("mixed", "end", "last"))
    shown = str(report)
    assert "lstm (LSTM) fixes the order of channels" in shown
    assert "groups (GroupNormalization) fixes the order of channels" in shown
    assert "4 channels are one group of 4" in shown
    assert "magnitude kept:" in shown


def test_puts_the_weights_back_if_a_layer_is_not_what_it_says():
    class Weighted(L.Dense):
        def call(self, inputs):
            return super().call(inputs * keras.ops.arange(1.0, inputs.shape[-1] + 1))

    given = L.Input((4,))
    model = unlike(keras.Model(given, Weighted(3)(L.Dense(16)(given))))
    before = model.get_weights()
    with pytest.raises(PruningError, match="weights were put back"):
        permute_channels(model, NM(2, 4))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_constants_by_channel_fix_the_order():
    given = L.Input((4,))
    x = L.Dense(16)(given) * np.arange(16, dtype="float32")
    report = permute_channels(unlike(keras.Model(given, L.Dense(3)(x))), NM(2, 4))
    assert all(group.order is None for group in report.groups)


def test_refuses_what_it_cannot_do():
    model = unlike(residual())
    with pytest.raises(PruningError, match="needs an NM pattern"):
        permute_channels(model, Unstructured())
    pruner = Pruner(NM(2, 4)).attach(model)
    with pytest.raises(PruningError, match="detach the pruner"):
        permute_channels(model, NM(2, 4))
    pruner.detach(model)

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(8)

        def call(self, inputs):
            return self.dense(inputs)

    own = Own()
    own(np.zeros((1, 8)))
    with pytest.raises(PruningError, match="Functional or Sequential"):
        permute_channels(own, NM(2, 4))
    image = L.Input((None, None, 3))
    x = L.GlobalAveragePooling2D()(L.Conv2D(8, 1)(image))
    opened = unlike(keras.Model(image, L.Dense(3)(x)))
    with pytest.raises(PruningError, match="sample"):
        permute_channels(opened, NM(2, 4))
    permute_channels(opened, NM(2, 4), sample=RANDOM.normal(size=(2, 5, 5, 3)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_diverged_are_named(value):
    model = keras.Sequential([L.Input((8,)), L.Dense(16, name="one"), L.Dense(2, name="two")])
    kernel = model.get_layer("two").kernel
    kernel.assign(np.full(kernel.shape, value))
    with pytest.raises(PruningError, match="two/kernel has NaN or infinite weights"):
        permute_channels(model, NM(2, 4))


def test_a_difference_in_any_output_counts():
    zeros, broken = np.zeros(3), np.full(3, np.nan)
    assert difference([zeros, zeros], [zeros, zeros]) == 0
    assert np.isnan(difference([zeros, zeros], [zeros, broken]))


def test_warns_about_an_optimizer_that_has_moved():
    model = keras.Sequential([L.Input((4,)), L.Dense(16), L.Dense(2)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 4)), np.ones((2, 2)))
    with pytest.warns(PruningWarning, match="compile anew"):
        permute_channels(model, NM(2, 4))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["MobileNet", "MobileNetV2", "ResNet50", "DenseNet121", "InceptionV3"]
)
def test_known_architectures_keep_their_function(name):
    options = {"alpha": 0.25} if name == "MobileNet" else {}
    model = getattr(keras.applications, name)(weights=None, input_shape=(96, 96, 3), **options)
    report = permute_channels(model, NM(2, 4), escapes=0)
    assert report.kept_after > report.kept_before
