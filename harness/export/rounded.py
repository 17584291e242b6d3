"""TensorFlow Lite files whose weights are rounded, their inputs as before."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.export import tflite, tflite_weights
from harness.export.base import Samples
from harness.export.comparison import Comparison, agree


@dataclass
class Rounded(tflite.TfliteFormat):
    """Rounding moves every output, so what must stay are the samples' classes, or next words."""

    translates: ClassVar[bool] = True

    def options(self, converter: Any) -> None:
        """Sets a `tf.lite.TFLiteConverter`'s attributes."""
        raise NotImplementedError

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the file, and runs it."""
        content = tflite.convert(model, path.name, self.options)
        expected = tflite.expected(model, samples.inputs)
        compared = agree(path.name, tflite.run(content, samples.inputs, path.name), expected)
        tflite.write(path, content)
        return compared

    def details(self, path: Path, model: Any) -> dict[str, float]:
        """`zeros`: the share of zeros among the file's kernels, at least the model's own."""
        return tflite_weights.zeros(path, model)
