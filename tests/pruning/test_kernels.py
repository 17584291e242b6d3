"""Every kernel of every layer is found once, with its axes."""

import keras
import numpy as np
import pytest
from keras import layers

from harness.pruning import (
    NM,
    AllKernels,
    Constant,
    OneShot,
    Pruner,
    PruningError,
    Unstructured,
    kernels_of,
    register,
)

pytestmark = pytest.mark.anywhere


def model_of(layer, *shape, dtype="float32"):
    return keras.Sequential([keras.Input(shape, dtype=dtype), layer])


# layer, input shape, {weight name: length of its input-channel axis}
KINDS = {
    "Dense": (layers.Dense(5), (8,), {"kernel": 8}),
    "Conv1D": (layers.Conv1D(5, 3), (9, 8), {"kernel": 8}),
    "Conv2D": (layers.Conv2D(5, 3), (9, 9, 8), {"kernel": 8}),
    "Conv2D grouped": (layers.Conv2D(6, 3, groups=2), (9, 9, 8), {"kernel": 4}),
    "Conv3D": (layers.Conv3D(5, 3), (5, 5, 5, 8), {"kernel": 8}),
    "Conv1DTranspose": (layers.Conv1DTranspose(5, 3), (9, 8), {"kernel": 8}),
    "Conv2DTranspose": (layers.Conv2DTranspose(5, 3), (9, 9, 8), {"kernel": 8}),
    "Conv3DTranspose": (layers.Conv3DTranspose(5, 3), (4, 4, 4, 8), {"kernel": 8}),
    "SeparableConv1D": (
        layers.SeparableConv1D(5, 3),
        (9, 8),
        {"depthwise_kernel": 8, "pointwise_kernel": 8},
    ),
    "SeparableConv2D": (
        layers.SeparableConv2D(5, 3),
        (9, 9, 8),
        {"depthwise_kernel": 8, "pointwise_kernel": 8},
    ),
    "DepthwiseConv1D": (layers.DepthwiseConv1D(3), (9, 8), {"kernel": 8}),
    "DepthwiseConv2D": (layers.DepthwiseConv2D(3), (9, 9, 8), {"kernel": 8}),
    "Embedding": (layers.Embedding(11, 8), (4,), {"embeddings": 8}),
    "LSTM": (layers.LSTM(6), (4, 8), {"kernel": 8, "recurrent_kernel": 6}),
    "GRU": (layers.GRU(6), (4, 8), {"kernel": 8, "recurrent_kernel": 6}),
    "SimpleRNN": (layers.SimpleRNN(6), (4, 8), {"kernel": 8, "recurrent_kernel": 6}),
    "RNN": (layers.RNN(layers.LSTMCell(6)), (4, 8), {"kernel": 8, "recurrent_kernel": 6}),
    "ConvLSTM2D": (
        layers.ConvLSTM2D(5, 3),
        (4, 9, 9, 8),
        {"kernel": 8, "recurrent_kernel": 5},
    ),
    "TimeDistributed": (layers.TimeDistributed(layers.Dense(5)), (4, 8), {"kernel": 8}),
    "EinsumDense": (layers.EinsumDense("abc,dce->abde", (None, 3, 5)), (4, 8), {"kernel": 8}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kernels_of_keras_layers(kind):
    layer, shape, expected = KINDS[kind]
    model = model_of(layer, *shape, dtype="int32" if kind == "Embedding" else "float32")
    found = {k.name: k for k in kernels_of(model) if k.axes is not None}
    assert {name: k.shape[k.axes[0]] for name, k in found.items()} == expected
    pruner = Pruner(NM(2, 4), scope=AllKernels(depthwise=True)).attach(model)
    for weight in pruner.engine.weights:
        assert NM(2, 4).holds(weight.variable.numpy(), weight.axes)
        assert weight.count() == NM(2, 4).kept(weight.shape, weight.axes) < weight.kernel.size


def test_bidirectional_and_attention():
    words = keras.Input((4, 8))
    both = layers.Bidirectional(layers.LSTM(6, return_sequences=True))(words)
    out = layers.MultiHeadAttention(num_heads=2, key_dim=4)(both, both)
    model = keras.Model(words, layers.Dense(3)(out))
    shapes = [(k.shape, k.axes) for k in kernels_of(model) if k.axes is not None]
    assert shapes.count(((8, 24), (0, 1))) == 2  # forward and backward kernel
    assert shapes.count(((6, 24), (0, 1))) == 2  # and recurrent kernel
    assert shapes.count(((12, 2, 4), (0, 2))) == 3  # query, key, value: [model, heads, key]
    assert shapes.count(((2, 4, 12), (1, 2))) == 1  # output: [heads, key, model]
    summary = Pruner(Unstructured(), OneShot(0.5)).attach(model).summary()
    assert summary.sparsity == 0.5


def test_subclasses_prune_like_their_parent():
    class MyDense(layers.Dense):
        pass

    assert Pruner(Unstructured(), OneShot(0.5)).preview(model_of(MyDense(4), 8)).sparsity == 0.5


class Bilinear(layers.Layer):
    """A custom layer that says nothing about pruning."""

    def build(self, shape):
        self.left = self.add_weight(shape=(shape[-1], 4), name="left")
        self.right = self.add_weight(shape=(4, shape[-1]), name="right")

    def call(self, x):
        return keras.ops.matmul(keras.ops.matmul(x, self.left), self.right)


class SelfDescribing(Bilinear):
    def prunable_weights(self):
        return {"left": (0, 1)}


def test_an_unknown_layer_is_skipped_with_the_way_out_and_never_aborts():
    model = keras.Sequential([keras.Input((8,)), Bilinear(), layers.Dense(4)])
    rows = {row.weight: row for row in Pruner(Unstructured(), OneShot(0.5)).preview(model).layers}
    assert rows["kernel"].prunable
    assert not rows["left"].prunable
    assert "prunable_weights() method or register()" in rows["left"].reason


def test_a_layer_can_describe_itself():
    pruner = Pruner(Unstructured(), OneShot(0.5)).attach(model_of(SelfDescribing(), 8))
    assert [weight.kernel.name for weight in pruner.engine.weights] == ["left"]


def test_a_class_can_be_registered_from_outside():
    class Outside(Bilinear):
        pass

    register(Outside, {"left": (0, 1), "right": (0, 1)})
    pruner = Pruner(Unstructured(), OneShot(0.5)).attach(model_of(Outside(), 8))
    assert [weight.kernel.name for weight in pruner.engine.weights] == ["left", "right"]


def test_wrong_descriptions_are_refused():
    description = {"left": (0, 7)}

    class Wrong(Bilinear):
        def prunable_weights(self):
            return description

    with pytest.raises(PruningError, match=r"axes \(0, 7\) for weight 'left' of rank 2"):
        list(kernels_of(model_of(Wrong(), 8)))
    description = {"middle": (0, 1)}
    with pytest.raises(PruningError, match="has no weight 'middle'"):
        list(kernels_of(model_of(Wrong(), 8)))
    with pytest.raises(PruningError, match="subclass"):
        register("Dense", {})


def test_shared_layers_and_weights_count_once():
    shared = layers.Dense(8)
    inner = keras.Sequential([keras.Input((8,)), shared])
    x = keras.Input((8,))
    model = keras.Model(x, inner(shared(inner(shared(x)))))
    assert Pruner(Unstructured(), OneShot(0.5)).preview(model).prunable_params == 64
    assert len(list(kernels_of(model))) == 2


def test_a_wrapper_that_holds_the_kernel_of_its_layer_does_not_hide_it():
    model = model_of(layers.SpectralNormalization(layers.Dense(8)), 8)
    model.compile("sgd", "mse")
    pruner = Pruner(NM(2, 4), Constant(0.5, frequency=1)).attach(model)
    x = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
    model.train_on_batch(x, x)
    assert [type(weight.kernel.layer) for weight in pruner.engine.weights] == [layers.Dense]
    assert NM(2, 4).holds(pruner.engine.weights[0].variable.numpy())


def test_layers_of_one_name_keep_apart():
    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [layers.Dense(4, name="same"), layers.Dense(4, name="same")]

        def call(self, x):
            return self.blocks[1](self.blocks[0](x))

    model = Two()
    model(np.zeros((1, 4), np.float32))
    pruner = Pruner(Unstructured(), Constant(0.5)).attach(model)
    paths = [weight.path for weight in pruner.engine.weights]
    assert len(set(paths)) == 2
    assert len([key for key in pruner.get_state() if key.startswith("mask/")]) == 2


def test_an_unbuilt_model_is_refused():
    with pytest.raises(PruningError, match="is not built"):
        Pruner(Unstructured(), OneShot(0.5)).attach(keras.Sequential([layers.Dense(3)]))
