"""What a file weighs, raw and gzipped."""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Size:
    """Bytes of a file as it is, and gzipped at the highest level."""

    bytes: int
    gzip_bytes: int


def measure(path: Path | str) -> Size:
    """Measures a file; the same content always weighs the same.

    The gzip header's time is left at zero and its name out, so that only the content
    counts.

    Example:
        >>> measure("model.tflite").gzip_bytes
        12118342
    """
    return _of(Path(path).read_bytes())


def size_of(model: Any, inputs: Any = None) -> Size:
    """What a model weighs as a float32 TensorFlow Lite file, raw and gzipped.

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
    from harness.export import tflite

    return _of(tflite.convert(tflite.with_inputs(model, inputs)))


def _of(content: bytes) -> Size:
    return Size(len(content), len(gzip.compress(content, compresslevel=9, mtime=0)))
