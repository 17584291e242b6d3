"""TensorFlow Lite files of 16-bit floats: weights rounded, arithmetic in float32."""

from dataclasses import dataclass
from typing import Any, ClassVar

from harness.export.rounded import Rounded
from harness.options import choice


@choice
@dataclass
class TfliteFloat16(Rounded):
    """A file of half the bytes; its kernels compute in float32."""

    file: ClassVar[str] = "model_float16.tflite"
    scored: ClassVar[str | None] = "test_float16"

    kind: str = "tflite_float16"

    def options(self, converter: Any) -> None:
        """Sixteen bits a weight."""
        import tensorflow as tf

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
