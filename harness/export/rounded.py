"""TensorFlow Lite files of classifiers whose weights are rounded, their inputs real as before."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.export import tflite, tflite_weights
from harness.export.base import Samples
from harness.export.comparison import Comparison, agree, outputs_of


@dataclass
class Rounded(tflite.TfliteFormat):
    """Rounding moves every output, so what must stay are the samples' classes."""

    def options(self, converter: Any) -> None:
        """Sets a `tf.lite.TFLiteConverter`'s attributes."""
        raise NotImplementedError

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the file, and runs it."""
        content = tflite.convert(model, path.name, self.options)
        expected = outputs_of(model, samples.inputs)
        compared = agree(path.name, tflite.run(content, samples.inputs, path.name), expected)
        tflite.write(path, content)
        return compared

    def details(self, path: Path) -> dict[str, float]:
        """`zeros`: the share of zeros among the file's kernels, at least the model's own."""
        return tflite_weights.zeros(path)
