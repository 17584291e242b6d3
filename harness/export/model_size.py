"""What a model weighs, without a file of it."""

from typing import Any

from harness.errors import ExportError
from harness.export import size, tflite
from harness.export.size import Size


def size_of(model: Any, inputs: Any = None) -> Size:
    """What a model weighs as a float32 TensorFlow Lite file, raw and compressed.

    Zeros cost nothing in the gzipped file: the number that tells sparse models apart. A
    model in mixed precision weighs what its float32 twin does.

    Args:
        model: A built Keras model, a pruner attached or not.
        inputs: A batch that it takes, [n, ...]; only for a subclassed model read from a file,
            which remembers the shape of its inputs, but not that they are no floats.

    Raises:
        ExportError: If the converter refuses the model, or one in mixed precision is subclassed.

    Example:
        >>> size_of(model).gzip_bytes
        12118342
    """
    return size.of(tflite.convert(_in_float32(tflite.with_inputs(model, inputs))))


def _in_float32(model: Any) -> Any:
    """The model, or its twin if it computes in another type than that of its weights."""
    from harness.models.layers.plain import plain

    if all(layer.compute_dtype == layer.variable_dtype for layer in model._flatten_layers()):
        return model
    try:
        return plain(model)
    except ValueError as error:
        raise ExportError(
            f"{model.name} is in mixed precision, and Keras cannot rebuild it in float32 "
            f"({str(error).splitlines()[0]}): build it under keras.config.set_dtype_policy"
            '("float32"), give it the weights, and weigh that'
        ) from error
