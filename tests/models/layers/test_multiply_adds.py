"""Multiply-adds against hand-worked numbers and published totals."""

import keras
import numpy as np
import pytest

from harness.models import MODELS, build
from harness.models.layers.multiply_adds import count
from tests.training import small

pytestmark = pytest.mark.anywhere


def by_weight(found):
    return {use.weight: (use.dense, use.effective) for use in found.uses}


@pytest.mark.parametrize(
    ("name", "side", "total", "published"),
    [
        # worked out of the layers' shapes by hand (kernels × output pixels), and as published
        ("mobilenet_v1", 224, 568_740_352, 0.569e9),
        ("mobilenet_v2", 224, 300_774_272, 0.300e9),
        ("inception_v3", 299, 5_713_216_096, 5.7e9),
    ],
)
def test_published_totals(name, side, total, published):
    found = count(build(MODELS.find(name)(), (side, side, 3), 1000), kept={})
    assert found.dense == pytest.approx(published, rel=0.005)
    assert found.dense == total
    assert found.uncounted == []


def test_ds_cnn_l_by_hand():
    found = count(build(MODELS.find("ds_cnn_l")(), (49, 10, 1), 12))
    first = 25 * 10 * 40 * 276
    blocks = 5 * 13 * 5 * (9 * 276 + 276 * 276)
    assert found.dense == first + blocks + 276 * 12


def test_lstm_and_look_ups_by_hand():
    options = MODELS.find("imdb_lstm")(vocabulary_size=50, embedding=6, units=4)
    model = build(options, (7,), 2)
    found = by_weight(count(model))
    assert found["embedding/embeddings"] == (0, 0)
    assert found["lstm/lstm_cell/kernel"][0] == 7 * 6 * 16
    assert found["lstm/lstm_cell/recurrent_kernel"][0] == 7 * 4 * 16
    assert found["logit/kernel"][0] == 4


def test_gnmt_by_hand():
    units, vocabulary, words = 8, 20, 5
    decoding = MODELS.find("gnmt")().decoding
    model = build(MODELS.find("gnmt")(units=units, decoding=decoding), (None,), vocabulary)
    square = units * units
    #: of 4 layers a side in 4 gates: inputs of 1, 1, 2, 1, 1 and of 2, 2, 2, 2 units, and states
    encoder = 4 * square * ((1 + 1 + 2 + 1 + 1) + 5) * words
    decoder = 4 * square * (4 * 2 + 4) * words
    attention = 2 * square * words + 2 * words * words * units
    found = count(model, words=words)
    assert found.dense == encoder + decoder + attention + units * vocabulary * words
    assert found.uncounted == []
    double = count(model, words=2 * words).dense
    assert double == 2 * found.dense + 2 * (2 * words * words * units)


def test_zeros_and_what_a_pruner_would_keep():
    model = small.model()
    conv, _, _, _, dense, _, _ = model.layers
    zeros = dense.kernel.numpy()
    zeros[:, :6] = 0
    dense.kernel.assign(zeros)
    found = by_weight(count(model))
    assert found[dense.kernel.path] == (64 * 8, 64 * 2)
    assert found[conv.kernel.path] == (9 * 4 * 16, 9 * 4 * 16)
    planned = by_weight(count(model, {conv.kernel.path: 9, dense.kernel.path: 1}))
    assert planned[conv.kernel.path] == (9 * 4 * 16, 9 * 16)
    assert planned[dense.kernel.path] == (64 * 8, 1)


def test_shared_nested_and_further_layers():
    shared = keras.layers.Dense(3, use_bias=False)
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="inner")])
    x = keras.Input((4,))
    model = keras.Model(x, shared(inner(x)) + shared(x))
    assert count(model).dense == 2 * 12 + 16
    layers = keras.layers
    image = keras.Input((8, 8, 4))
    model = keras.Model(
        image,
        [
            layers.Conv2D(6, 3, groups=2, padding="same")(image),
            layers.Conv2DTranspose(3, 2, strides=2)(image),
            layers.SeparableConv2D(5, 3, padding="same")(image),
            layers.DepthwiseConv2D(3, 2, "same", depth_multiplier=2)(image),
        ],
    )
    uses = [use.dense for use in count(model).uses]
    assert sorted(uses) == sorted(
        [64 * 9 * 2 * 6, 64 * 4 * 4 * 3, 64 * 9 * 4, 64 * 4 * 5, 16 * 9 * 8]
    )


def test_what_has_no_rule_is_named():
    class Bilinear(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight((shape[-1], shape[-1]))

        def call(self, x):
            return x @ self.kernel

    model = keras.Sequential([keras.Input((4,)), Bilinear(name="odd"), keras.layers.ReLU()])
    found = count(model)
    assert (found.uses, found.uncounted) == ([], ["odd"])
    assert np.isclose(found.dense, 0)
