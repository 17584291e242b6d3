"""TensorFlow Lite files of 8-bit weights whose activations are rounded as they come.

No representative data are needed. Fully connected and recurrent layers gain speed, and so do
convolutions with LiteRT 2.3.0's kernels (`benchmarks/results/export.json`). Sparse encoding is not
offered for it: TensorFlow 2.21's runtime and LiteRT 2.3.0 refuse such convolutions and compute
wrong outputs in silence for blocks of 1×16.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from harness.export.rounded import Rounded
from harness.options import choice


@choice
@dataclass
class TfliteDynamic(Rounded):
    """A file of 8-bit weights and float32 inputs and outputs."""

    file: ClassVar[str] = "model_dynamic.tflite"
    scored: ClassVar[str | None] = "test_dynamic"

    kind: str = "tflite_dynamic"

    def options(self, converter: Any) -> None:
        """Eight bits a weight."""
        import tensorflow as tf

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
