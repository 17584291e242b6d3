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
from typing import Any

import keras

from harness.models.layers.standard import BatchNorm, Conv2D, Dropout

#: Layer of Keras -> ours, of the same arguments, weights and outputs.
_OURS: dict[type, type] = {
    keras.layers.BatchNormalization: BatchNorm,
    keras.layers.Conv2D: Conv2D,
    keras.layers.Dropout: Dropout,
}
#: Logits, and what makes them, stay in float32 under mixed precision.
_HEAD = ("conv_preds", "reshape_2", "predictions")


def clone(options: Any, shape: tuple[int, ...], classes: int) -> keras.Model:
    """A model of `keras.applications`, with fresh weights and logits out.

    Args:
        options: which, its width, its stem, dropout before the classifier, and momentum of the
            batch normalization.
        shape: (height, width, 3).
        classes: width of the logits.
    """
    original = options.original(shape, weights=None, classes=classes, classifier_activation=None)
    names = _Names(original)

    def ours(layer: keras.layers.Layer) -> keras.layers.Layer:
        return _clone(layer, names(layer.name), options)

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if layer.name == "predictions" and options.dropout and not options.drops:
            args = (Dropout(options.dropout, name="dropout")(args[0]), *args[1:])
        return layer(*args, **kwargs)

    return keras.models.clone_model(
        original,
        input_tensors=keras.Input(shape, name="image"),
        clone_function=ours,
        call_function=call,
    )


def _clone(layer: keras.layers.Layer, name: str, options: Any) -> keras.layers.Layer:
    config = {**layer.get_config(), "name": name}
    if isinstance(layer, keras.layers.BatchNormalization):
        config["momentum"] = options.momentum or config["momentum"]
    if isinstance(layer, keras.layers.Conv2D):
        config["filters"] = options.filters(config["filters"])
    if options.small_images:
        if name == options.first:
            config["strides"] = (1, 1)
        if name in options.stem:
            config["padding"] = "same"
    if name in _HEAD:
        config["dtype"] = "float32"
    kind: Any = _OURS.get(type(layer), type(layer))
    return kind.from_config(config)


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
