"""Float32 TensorFlow Lite files without dead channels: less work for any kernel."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.export import tflite
from harness.export.base import Samples
from harness.export.comparison import Comparison
from harness.export.keras_shrunk import in_its_place, left
from harness.options import choice


@choice
@dataclass
class TfliteShrunk(tflite.TfliteFormat):
    """`model.tflite` of the smaller model."""

    file: ClassVar[str] = "model_shrunk.tflite"
    scored: ClassVar[str | None] = "test_tflite_shrunk"

    kind: str = "tflite_shrunk"

    def __post_init__(self) -> None:
        self._left: dict[str, float] = {}

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the file, and runs it."""

        def written(small: Any) -> Comparison:
            self._left = left(small)
            return tflite.to_tflite(small, path, samples.inputs, tolerance)

        return in_its_place(model, path.name, samples, tolerance, written)

    def details(self, path: Path, model: Any) -> dict[str, float]:
        """What is left to do, of the model that was written: the file itself has no layers."""
        return self._left
