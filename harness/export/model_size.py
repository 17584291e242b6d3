"""What a model weighs, without a file of it."""

from typing import Any

from harness.export import size, tflite
from harness.export.size import Size


def size_of(model: Any, inputs: Any = None) -> Size:
    """What a model weighs as a float32 TensorFlow Lite file, raw and compressed.

    Zeros cost nothing in the gzipped file: the number that tells sparse models apart.

    Args:
        model: A built Keras model, a pruner attached or not.
        inputs: A batch that it takes, [n, ...]; only for a subclassed model read from a file,
            which remembers the shape of its inputs, but not that they are no floats.

    Raises:
        ExportError: If the converter refuses the model.

    Example:
        >>> size_of(model).gzip_bytes
        12118342
    """
    return size.of(tflite.convert(tflite.with_inputs(model, inputs)))
