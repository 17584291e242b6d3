"""A pruned model's float32 weights as they are, masks and values entropy coded.

For those who go on with the weights: nothing is rounded and no batch normalization settled, so that
every weight comes back bit for bit. Float values hardly compress: the file is several times the
size of `packed`, and of a small network larger than its TensorFlow Lite file by gzip.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.export import packed
from harness.export.comparison import Comparison, compare
from harness.options import choice

if TYPE_CHECKING:
    import keras


@choice
@dataclass
class PackedFloat(packed.Packed):
    """A container of float32 values."""

    file: ClassVar[str] = "model_float.packed"
    scored: ClassVar[str | None] = "test_packed_float"

    kind: str = "packed_float"

    def content(self, model: "keras.Model") -> bytes:
        """The container's bytes."""
        return packed.pack(model, exact=True)

    def accept(
        self, name: str, outputs: np.ndarray, expected: np.ndarray, tolerance: float
    ) -> Comparison:
        """Outputs within the tolerance."""
        return compare(name, outputs, expected, tolerance)
