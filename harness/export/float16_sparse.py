"""TensorFlow Lite files of 16-bit floats without their zeros.

For zeros one by one. Where they come in blocks of 1×4 inputs, which are stored as blocks,
TensorFlow 2.21's runtime and LiteRT 2.3.0 give NaN: the comparison then fails the format.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from harness.export.float16 import TfliteFloat16
from harness.export.sparse import sparsely
from harness.options import choice


@choice
@dataclass
class TfliteFloat16Sparse(TfliteFloat16):
    """As `tflite_float16`, zeros left out."""

    file: ClassVar[str] = "model_float16_sparse.tflite"
    scored: ClassVar[str | None] = "test_float16_sparse"

    kind: str = "tflite_float16_sparse"

    def options(self, converter: Any) -> None:
        """Sixteen bits a weight that is not zero."""
        super().options(converter)
        sparsely(converter)
