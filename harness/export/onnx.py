"""ONNX files of float32 numbers, for runtimes other than TensorFlow's.

Keras writes them by tf2onnx; ONNX Runtime runs them here, in a process of its own. Both come with
`sparsity-harness[onnx]`. Zeros are stored like other numbers, and compress.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.errors import ConfigError, ExportError, first_line
from harness.export.base import Format, Samples, refusal
from harness.export.comparison import Comparison, compare, outputs_of
from harness.export.onnx_child import OnnxRunner
from harness.options import choice
from harness.system.quiet import captured

_PACKAGES = ("tf2onnx", "onnx", "onnxruntime")


@choice
@dataclass
class Onnx(Format):
    """A file of float32 numbers for ONNX Runtime, TensorRT, OpenVINO and others."""

    file: ClassVar[str] = "model.onnx"
    scored: ClassVar[str | None] = "test_onnx"

    kind: str = "onnx"

    def check(self, dataset: Any) -> None:
        """Takes models of one input without a front end, and the packages that write and run it."""
        if dataset.inputs != 1:
            raise refusal(
                self.kind, f"dataset={dataset.name}", "packed there, or models of one input"
            )
        if getattr(dataset, "features", None) == "waveform":
            raise refusal(
                self.kind,
                "dataset.features=waveform, whose front end has no ONNX form",
                "tflite, or dataset.features=mfcc",
            )
        require()

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the file, and runs it."""
        partial = path.with_name(f"{path.stem}.partial{path.suffix}")
        try:
            _convert(model, partial, path.name, samples.inputs)
            outputs = self.runner(partial)(samples.inputs)
            expected = outputs_of(model, samples.inputs)
            compared = compare(path.name, outputs, expected, tolerance)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return compared

    def runner(self, path: Path) -> Callable[[Any], np.ndarray]:
        """Runs it by ONNX Runtime."""
        return OnnxRunner(path, self.file)


def require() -> None:
    """Refuses to begin without the packages that write and run ONNX.

    Raises:
        ConfigError: names those that are not installed.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"export.formats: onnx needs {', '.join(missing)}; install sparsity-harness[onnx]"
        )


def _convert(model: Any, path: Path, name: str, inputs: Any) -> None:
    with captured():
        try:
            model(inputs[:1], training=False)  # Keras refuses one that was never called
            model.export(path, format="onnx", verbose=False)
        except Exception as error:  # tf2onnx raises whatever its rewriters raise
            said = f"{name}: {model.name} cannot be converted: {first_line(error)}"
            raise ExportError(said) from error
