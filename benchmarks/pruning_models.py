"""The models of `benchmarks.pruning`, for Keras 3 and for legacy tf_keras alike.

Each function takes the Keras package to build with, and returns a built model and one batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Batch = tuple[Any, Any]


def images(size: int, batch: int, classes: int = 1000) -> Batch:
    """A batch of noise, and classes."""
    random = np.random.default_rng(0)
    pixels = random.normal(size=(batch, size, size, 3)).astype("float32")
    return pixels, random.integers(0, classes, batch)


def mobilenet(keras: Any, alpha: float = 1.0, size: int = 96, batch: int = 32) -> Any:
    """MobileNetV1 (https://arxiv.org/abs/1704.04861) of keras.applications, 1,000 classes."""
    model = keras.applications.MobileNet(
        (size, size, 3), alpha=alpha, weights=None, classifier_activation=None
    )
    return model, images(size, batch)


def mobilenet_v2(keras: Any, alpha: float = 1.0, size: int = 96, batch: int = 32) -> Any:
    """MobileNetV2 (https://arxiv.org/abs/1801.04381) of keras.applications, 1,000 classes."""
    model = keras.applications.MobileNetV2(
        (size, size, 3), alpha=alpha, weights=None, classifier_activation=None
    )
    return model, images(size, batch)


def inception(keras: Any, size: int = 96, batch: int = 4) -> Any:
    """InceptionV3 (https://arxiv.org/abs/1512.00567) of keras.applications."""
    model = keras.applications.InceptionV3(
        input_shape=(size, size, 3), weights=None, classifier_activation=None
    )
    return model, images(size, batch)


def ds_cnn_l(keras: Any, batch: int = 100) -> Any:
    """DS-CNN-L for keyword spotting (https://arxiv.org/abs/1711.07128), 12 words.

    Layers as in Arm's ML-zoo: 276 channels, five depthwise separable blocks on 49×10 MFCCs.
    """
    layers = keras.layers
    x = mfcc = layers.Input((49, 10, 1))
    x = layers.Conv2D(276, (10, 4), (2, 1), "same")(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for block in range(5):
        x = layers.DepthwiseConv2D(3, 2 if block == 0 else 1, "same")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Conv2D(276, 1)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Flatten()(layers.AveragePooling2D((13, 5))(x))
    random = np.random.default_rng(0)
    data = random.normal(size=(batch, 49, 10, 1)).astype("float32"), random.integers(0, 12, batch)
    return keras.Model(mfcc, layers.Dense(12)(x)), data


def seq2seq(
    keras: Any, units: int = 256, vocabulary: int = 8000, length: int = 16, batch: int = 64
) -> Any:
    """An LSTM encoder-decoder of two layers each, trained with teacher forcing."""
    layers = keras.layers
    source = layers.Input((length,), dtype="int32")
    target = layers.Input((length,), dtype="int32")
    x, states = layers.Embedding(vocabulary, units)(source), []
    for _ in range(2):
        x, *state = layers.LSTM(units, return_sequences=True, return_state=True)(x)
        states.append(state)
    x = layers.Embedding(vocabulary, units)(target)
    for state in states:
        x = layers.LSTM(units, return_sequences=True)(x, initial_state=state)
    model = keras.Model([source, target], layers.Dense(vocabulary)(x))
    random = np.random.default_rng(0)
    words = random.integers(0, vocabulary, (3, batch, length)).astype("int32")
    return model, ([words[0], words[1]], words[2])


def table(keras: Any, rows: int, columns: int) -> Any:
    """An embedding alone: a weight of any size."""
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Embedding(rows, columns)])
    return model, None


MODELS: dict[str, Callable[..., Any]] = {
    "MobileNetV1": mobilenet,
    "MobileNetV2": mobilenet_v2,
    "InceptionV3": inception,
    "DS-CNN-L": ds_cnn_l,
    "LSTM encoder-decoder": seq2seq,
    "table": table,
}


def compile_model(keras: Any, model: Any) -> Any:
    """Adam and cross-entropy, the same for every model."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-4), loss, jit_compile=False)
    return model
