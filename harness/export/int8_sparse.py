"""TensorFlow Lite files of 8-bit integers without their zeros.

Places take 16 bits where values take 8, so that such a file is larger than the plain one below
some 70 % of zeros, and compresses worse at any: it is for runtimes that read it. TensorFlow 2.21's
does, of one example as of many. LiteRT 2.3.0 refuses most that have a fully connected layer with
single zeros or blocks of 1×4 ("failed to delegate FULLY_CONNECTED node"): where it is what runs
files, the format then fails. It takes blocks of 1×16.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.export import int8
from harness.export.base import Samples
from harness.export.comparison import Comparison
from harness.export.sparse import sparsely
from harness.options import choice


@choice
@dataclass
class TfliteInt8Sparse(int8.TfliteInt8):
    """As `tflite_int8`, zeros left out."""

    file: ClassVar[str] = "model_int8_sparse.tflite"
    scored: ClassVar[str | None] = "test_int8_sparse"

    kind: str = "tflite_int8_sparse"

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the file, and runs it."""
        more = samples.more["calibration"]
        return int8.to_int8(model, path, samples.inputs, more, sparsely)
