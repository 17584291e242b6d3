"""InceptionV3, MobileNetV1 and MobileNetV2 as `keras.applications` defines them.

Keras' own definition is cloned layer by layer, so the architecture, the names and the order
of the weights are Keras' by construction and its weight files fit. What is changed on the
way: convolutions, batch normalization and dropout become those of
`harness.models.layers.standard`, the head gives logits, and a model for small images keeps its
resolution at first.

Sources: https://arxiv.org/abs/1512.00567 (InceptionV3), https://arxiv.org/abs/1704.04861
(MobileNetV1), https://arxiv.org/abs/1801.04381 (MobileNetV2).
"""

import re
from collections.abc import Callable
from typing import Any

import keras

from harness.config.models import check_image_model
from harness.config.schema import ImageModelConfig
from harness.errors import ConfigError
from harness.models.layers.standard import BatchNorm, Conv2D, Dropout

#: Layer of Keras -> ours, of the same arguments, weights and outputs.
_OURS: dict[type, type] = {
    keras.layers.BatchNormalization: BatchNorm,
    keras.layers.Conv2D: Conv2D,
    keras.layers.Dropout: Dropout,
}
#: The stem of InceptionV3: its layers before the first concatenation's branches.
_STEM = ("conv2d", "conv2d_1", "conv2d_2", "conv2d_3", "conv2d_4")
#: The first convolution, whose stride a model for small images does without.
_FIRST = {"inception_v3": "conv2d", "mobilenet_v1": "conv1", "mobilenet_v2": "Conv1"}
#: Logits, and what makes them, stay in float32 under mixed precision.
_HEAD = ("conv_preds", "reshape_2", "predictions")
_LEAST_SIDE = {"inception_v3": 75, "mobilenet_v1": 32, "mobilenet_v2": 32}
_LEAST_SMALL_SIDE = 32


def build(config: ImageModelConfig, input_shape: tuple[int, ...], num_classes: int) -> keras.Model:
    """Clones a model of `keras.applications`, with fresh weights and logits out.

    Args:
        config: Which, its width, its stem, dropout before the classifier, and momentum of the
            batch normalization.
        input_shape: (height, width, 3).
        num_classes: Width of the logits.

    Raises:
        ConfigError: If the inputs are no RGB images, or too small.
    """
    check_image_model(config)
    _check_shape(config, input_shape)
    original = _original(config, input_shape, num_classes)
    names = _Names(original)

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        return _clone(layer, names(layer.name), config)

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if layer.name == "predictions" and config.dropout and config.name != "mobilenet_v1":
            args = (Dropout(config.dropout, name="dropout")(args[0]), *args[1:])
        return layer(*args, **kwargs)

    return keras.models.clone_model(
        original,
        input_tensors=keras.Input(input_shape, name="image"),
        clone_function=clone,
        call_function=call,
    )


def _original(config: ImageModelConfig, shape: tuple[int, ...], classes: int) -> keras.Model:
    options: dict[str, Any] = {"weights": None, "classes": classes, "classifier_activation": None}
    builders: dict[str, Callable[[], keras.Model]] = {
        # Its shape is the clone's business: Keras' stem does not take small images.
        "inception_v3": lambda: keras.applications.InceptionV3(name=config.name, **options),
        "mobilenet_v1": lambda: keras.applications.MobileNet(
            shape, config.width, dropout=config.dropout, name=config.name, **options
        ),
        "mobilenet_v2": lambda: keras.applications.MobileNetV2(
            shape, config.width, name=config.name, **options
        ),
    }
    return builders[config.name]()


def _clone(layer: keras.layers.Layer, name: str, config: ImageModelConfig) -> keras.layers.Layer:
    options = {**layer.get_config(), "name": name}
    if isinstance(layer, keras.layers.BatchNormalization):
        options["momentum"] = config.momentum or options["momentum"]
    if config.name == "inception_v3" and isinstance(layer, keras.layers.Conv2D):
        options["filters"] = _scaled(options["filters"], config.width)
    if config.small_images:
        if name == _FIRST[config.name]:
            options["strides"] = (1, 1)
        if config.name == "inception_v3" and name in _STEM:
            options["padding"] = "same"
    if name in _HEAD:
        options["dtype"] = "float32"
    kind: Any = _OURS.get(type(layer), type(layer))
    return kind.from_config(options)


def _scaled(filters: int, width: float) -> int:
    """Filters of a narrower InceptionV3, in eights as MobileNetV2 has them."""
    return filters if width == 1 else max(8, round(filters * width / 8) * 8)


class _Names:
    """Numbers layers from the model's first on: Keras numbers them through the process."""

    def __init__(self, model: keras.Model):
        self._first: dict[str, int] = {}
        for layer in model.layers:
            base, number = self._split(layer.name)
            self._first[base] = min(number, self._first.get(base, number))

    def __call__(self, name: str) -> str:
        base, number = self._split(name)
        if base not in _COUNTED:
            return name
        number -= self._first[base]
        return f"{base}_{number}" if number else base

    @staticmethod
    def _split(name: str) -> tuple[str, int]:
        found = re.fullmatch(r"(.+?)_(\d+)", name)
        return (found[1], int(found[2])) if found and found[1] in _COUNTED else (name, 0)


#: Layers that `keras.applications` leaves to Keras to name.
_COUNTED = (
    "activation",
    "add",
    "average_pooling2d",
    "batch_normalization",
    "concatenate",
    "conv2d",
    "global_average_pooling2d",
    "max_pooling2d",
)


def _check_shape(config: ImageModelConfig, shape: tuple[int, ...]) -> None:
    least = _LEAST_SMALL_SIDE if config.small_images else _LEAST_SIDE[config.name]
    if len(shape) != 3 or shape[-1] != 3:
        raise ConfigError(
            f"model={config.name}: needs RGB images (height, width, 3), got {shape}; accepted:"
            " dataset=imagenet, cifar10 or image_folder"
        )
    if min(shape[:2]) < least:
        raise ConfigError(
            f"model={config.name}: received images of {shape[0]}×{shape[1]}; accepted: {least} or"
            " more a side (set dataset.size, or model.small_images=true from 32 on)"
        )
