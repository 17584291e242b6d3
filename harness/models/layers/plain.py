"""A model as anyone can load it: Keras' own layers, float32, no training state."""

from pathlib import Path
from typing import Any

import keras

from harness.errors import ExportError
from harness.models.layers.standard import BatchNorm, Conv2D, DepthwiseConv2D, Dropout

_STOCK = {
    BatchNorm: keras.layers.BatchNormalization,
    Conv2D: keras.layers.Conv2D,
    DepthwiseConv2D: keras.layers.DepthwiseConv2D,
    Dropout: keras.layers.Dropout,
}


def plain(model: keras.Model) -> keras.Model:
    """Copies a model so that its file needs nothing but Keras.

    The copy has the same layer names and weight values; our layers become the Keras layers
    that they subclass, mixed precision becomes float32, and the optimizer, the compile
    settings and the weights' constraints are left behind. What is drawn at random (dropout, should
    the copy be trained) begins anew.

    Args:
        model: A Functional or Sequential model, possibly with such models nested in it.

    Raises:
        ValueError: If the model is subclassed, so that Keras cannot rebuild it.
    """
    compiled, model.compiled = model.compiled, False  # or the copy would be compiled too
    try:
        copy = keras.models.clone_model(model, clone_function=_plain_layer, recursive=True)
    finally:
        model.compiled = compiled
    copy.set_weights(model.get_weights())
    for layer in copy._flatten_layers():
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:  # its state is stored, too, and would differ each time
            generator.state.assign(keras.ops.zeros_like(generator.state))
    return copy


def load_weights(model: keras.Model, path: Path | str) -> None:
    """Gives a model the weights of a file that `plain` made of its like.

    Args:
        model: built, of the same architecture; its layers may be ours.
        path: a `.keras` file.

    Raises:
        ExportError: the file's model was trained with another vocabulary.
        ValueError: the file holds another architecture.
    """
    stored = keras.models.load_model(path, compile=False)
    check_vocabulary(stored, vocabulary_of(model), path)
    model.set_weights(stored.get_weights())


def check_vocabulary(model: keras.Model, vocabulary: str, origin: object) -> None:
    """Refuses a model whose ids mean other words.

    Args:
        model: read from a file.
        vocabulary: the sha256 that the data have; empty if they have none.
        origin: the model's file.

    Raises:
        ExportError: names both vocabularies.
    """
    theirs = vocabulary_of(model)
    if theirs != vocabulary:
        raise ExportError(
            f"{origin}: trained with vocabulary {theirs[:12] or 'none'}, received data with"
            f" {vocabulary[:12] or 'none'}; accepted: the model's own (dataset.vocabulary_file)"
        )


def vocabulary_of(model: keras.Model) -> str:
    """The sha256 of the vocabulary that a model was made for; empty if it names none."""
    named = [layer.vocabulary for layer in model.layers if hasattr(layer, "vocabulary")]
    return named[0] if named else ""


def _plain_layer(layer: keras.Layer) -> keras.Layer:
    kind = _STOCK.get(type(layer), type(layer))
    config: dict[str, Any] = layer.get_config()
    if "dtype" in config:
        config["dtype"] = "float32"
    if config.get("synchronized"):
        config["synchronized"] = False  # which only TensorFlow would load
    return kind.from_config(config)
