"""Float32 TensorFlow Lite files whose zeros are left out: sparse encoding.

A tensor of many zeros is stored as its other values and their places: single ones, or blocks of
1×4 consecutive inputs where the zeros come so. Stock kernels skip such blocks in fully connected
layers; single zeros are filled in again before the model runs.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.export import tflite
from harness.export.base import Samples
from harness.export.comparison import Comparison
from harness.options import choice


@choice
@dataclass
class TfliteSparse(tflite.TfliteFormat):
    """A file of float32 numbers without its zeros."""

    file: ClassVar[str] = "model_sparse.tflite"
    scored: ClassVar[str | None] = "test_tflite_sparse"
    translates: ClassVar[bool] = True

    kind: str = "tflite_sparse"

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the file, and runs it."""
        return tflite.to_tflite(model, path, samples.inputs, tolerance, sparsely)


def sparsely(converter: Any) -> None:
    """Sets a `tf.lite.TFLiteConverter` to leave zeros out, beside what it does already."""
    import tensorflow as tf

    converter.optimizations = [*converter.optimizations, tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
