"""DS-CNN-L, the large depthwise-separable net of keyword spotting.

Layers and sizes after Zhang et al., https://arxiv.org/abs/1711.07128, and Arm's training
code, https://github.com/ARM-software/ML-examples (tflu-kws-cortex-m/Training): 422,844
parameters for 49×10 MFCC and 12 classes, 416,772 of them trainable.
"""

from typing import Any

import keras

from harness.config.models import check_ds_cnn_l
from harness.config.schema import DsCnnLConfig
from harness.errors import ConfigError
from harness.models.layers.front_end import WINDOW, Mfcc
from harness.models.layers.standard import BatchNorm, Conv2D, DepthwiseConv2D

_BLOCKS = 5


def build(config: DsCnnLConfig, input_shape: tuple[int, ...], num_classes: int) -> keras.Model:
    """A wide first convolution, five depthwise-separable blocks, average pool, logits.

    Args:
        config: Width, and momentum of the batch normalization.
        input_shape: (frames, coefficients, 1), or (samples,): then the model takes the raw
            waveform, with the front end as its first layer.
        num_classes: Width of the logits.

    Raises:
        ConfigError: If the inputs are no speech, or a size is impossible.
    """
    check_ds_cnn_l(config)
    inputs = keras.Input(input_shape, name="waveform" if len(input_shape) == 1 else "mfcc")
    x = _features(inputs, input_shape)
    x = Conv2D(config.filters, (10, 4), (2, 1), "same", name="conv_1")(x)
    x = _normalized(x, config, "conv_1")
    for block in range(1, _BLOCKS + 1):
        strides = 2 if block == 1 else 1
        name = f"depthwise_{block}"
        x = DepthwiseConv2D(3, strides, "same", name=name)(x)
        x = _normalized(x, config, name)
        name = f"pointwise_{block}"
        x = Conv2D(config.filters, 1, name=name)(x)
        x = _normalized(x, config, name)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    # Logits stay in float32 under mixed precision, or the softmax loses digits.
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="ds_cnn_l")


def _features(inputs: Any, shape: tuple[int, ...]) -> Any:
    if len(shape) == 1 and shape[0] >= WINDOW:
        return Mfcc(name="front_end")(inputs)
    if len(shape) != 3 or shape[-1] != 1:
        raise ConfigError(
            "model=ds_cnn_l: needs MFCC (frames, coefficients, 1) or a waveform (samples,) of"
            f" {WINDOW} samples or more, got {shape}"
        )
    return inputs


def _normalized(x: Any, config: DsCnnLConfig, name: str) -> Any:
    x = BatchNorm(momentum=config.momentum, name=f"norm_{name}")(x)
    return keras.layers.ReLU(name=f"relu_{name}")(x)
