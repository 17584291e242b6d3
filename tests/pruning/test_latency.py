"""The XNNPACK scope, against tfmot's recorded outcomes and beyond."""

import keras
import pytest
from keras import layers

import harness.models.layers.standard
from harness.pruning import OneShot, Pruner, PruningError, Unstructured, XNNPACKLatency

pytestmark = pytest.mark.anywhere


def network(stride=2, pad=1, body=None, pooling=True, size=32, library=layers):
    x = inputs = keras.Input((size, size, 3))
    if pad is not None:
        x = layers.ZeroPadding2D(pad)(x)
    x = library.Conv2D(8, 3, strides=stride, padding="valid", name="stem")(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same", name="depth")(x)
    if body is not None:
        x = body(x)
    x = layers.Conv2D(16, 1, name="pw", activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x) if pooling else layers.Flatten()(x)
    return keras.Model(inputs, layers.Dense(4, name="head")(x))


def outcome(model):
    summary = Pruner(Unstructured(), OneShot(0.8), scope=XNNPACKLatency()).preview(model)
    return [row.layer for row in summary.layers if row.prunable]


def refusal(model):
    with pytest.raises(PruningError, match="no weight of model") as error:
        outcome(model)
    return str(error.value)


def test_outcomes_recorded_from_tfmot(golden):
    ours = {
        "gap keepdims=False": network(),
        "stride 1 stem": network(stride=1),
        "unsupported Conv2D 3x3 in body": network(body=layers.Conv2D(8, 3, padding="same")),
        "keras.applications.MobileNet(96,.25)": keras.applications.MobileNet(
            (96, 96, 3), alpha=0.25, weights=None
        ),
        "keras.applications.MobileNetV2(96,.35)": keras.applications.MobileNetV2(
            (96, 96, 3), alpha=0.35, weights=None
        ),
    }
    for record in golden["xnnpack_policy"]:
        if record["model"] not in ours:
            continue
        model = ours.pop(record["model"])
        if record["ok"]:
            assert outcome(model) == record["wrapped"]
        else:
            refusal(model)
    assert not ours


def test_reasons_name_the_layer_and_what_to_do():
    assert "'stem' has stride (1, 1), not 2" in refusal(network(stride=1))
    assert "'stem' pads its sides by [0, 1], not by 1 each: put ZeroPadding2D(1)" in refusal(
        network(pad=((0, 1), (0, 1)))
    )
    assert "Conv2D 'thick' is no 1×1 convolution" in refusal(
        network(body=layers.Conv2D(8, 3, padding="same", name="thick"))
    )
    assert "'d2' does not pad all sides by 1" in refusal(
        network(body=layers.DepthwiseConv2D(3, strides=2, padding="same", name="d2"))
    )
    assert "has activation tanh" in refusal(network(body=layers.Activation("tanh")))
    assert "Flatten 'flatten" in refusal(network(pooling=False))
    dense = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    assert "the model has no 3×3 Conv2D" in refusal(dense)


def test_each_kernel_has_its_verdict():
    rows = Pruner(Unstructured(), OneShot(0.8), scope=XNNPACKLatency()).preview(network()).layers
    reasons = {row.layer: row.reason for row in rows if row.weight == "kernel"}
    only = "XNNPACK has sparse kernels for 1×1 convolutions only"
    assert reasons == {"stem": only, "depth": only, "pw": "", "head": only}


def test_layers_that_are_computed_otherwise_count_as_those_of_keras():
    assert outcome(network(library=harness.models.layers.standard)) == outcome(network())


def test_residual_stride_2_and_same_padding_on_odd_sizes():
    def body(x):
        y = layers.Add()([x, layers.Conv2D(8, 1, name="inner")(x)])
        y = layers.ZeroPadding2D(1)(y)
        y = layers.DepthwiseConv2D(3, strides=2, padding="valid")(y)
        return layers.UpSampling2D(interpolation="bilinear")(y)

    assert outcome(network(body=body)) == ["inner", "pw"]
    x = keras.Input((33, 33, 3))
    y = layers.Conv2D(8, 3, strides=2, padding="same")(x)  # 33 pads by 1 on every side
    y = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 1, name="pw")(y))
    assert outcome(keras.Model(x, y)) == ["pw"]


def test_mobilenet_v1_with_even_padding_is_accepted():
    # On an odd size "same" pads both sides alike, also at stride 2; the rest is made even here.
    stock = keras.applications.MobileNet((97, 97, 3), alpha=0.25, weights=None, classes=3)

    def even(layer):
        if isinstance(layer, layers.ZeroPadding2D):
            return layers.ZeroPadding2D(1, name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    model = keras.models.clone_model(stock, clone_function=even)
    chosen = outcome(model)
    assert len(chosen) == 13
    assert all(name.startswith("conv_pw_") for name in chosen)


def test_subclassed_models_are_refused():
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Subclassed()
    model.build((None, 4))
    with pytest.raises(PruningError, match="Sequential and Functional"):
        outcome(model)
