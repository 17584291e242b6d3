"""Export: the files that a trained model is shipped as, and what they weigh.

Every file is read back and compared with the model before its bytes count.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.export import size
from harness.export.options import ExportOptions

#: Kind -> the file's name.
FILES = {
    "keras": "model.keras",
    "tflite": "model.tflite",
    "tflite_int8": "model_int8.tflite",
    "tflite_waveform": "model_waveform.tflite",
}


@dataclass(frozen=True)
class Samples:
    """Real examples to compare outputs on: random ones leave most of a trained network idle.

    Attributes:
        inputs: The model's, [n, ...].
        calibration: Training examples, [m, ...]; tflite_int8 needs them.
        waveforms: The sounds that `inputs` were computed from, [n, samples]; tflite_waveform
            needs them.
    """

    inputs: np.ndarray
    calibration: np.ndarray | None = None
    waveforms: np.ndarray | None = None


@dataclass(frozen=True)
class Artifact:
    """One exported file.

    Attributes:
        kind: keras, or a format of the config.
        path: Where it was written.
        bytes: Its size.
        gzip_bytes: Its size gzipped: what it weighs to send, and where zeros pay.
        max_error: Largest difference between its outputs and the model's on the samples,
            relative to the model's largest output.
        agreement: Share of the samples to which it gives the model's class; of integers only.
    """

    kind: str
    path: Path
    bytes: int
    gzip_bytes: int
    max_error: float
    agreement: float | None = None


def export(
    model: Any, config: ExportOptions, directory: Path | str, samples: Samples | np.ndarray
) -> list[Artifact]:
    """Writes `model.keras` and a file for each format, checked and measured.

    Args:
        model: The trained `keras.Model`, pruner detached or not: constraints are left out.
        config: Formats, and how far a converted model may differ.
        directory: Where the files go; made if missing.
        samples: Inputs to compare outputs on, and what some formats need besides.

    Returns:
        The `model.keras` artifact, then one a format, in order.

    Raises:
        ExportError: If a conversion fails, or its outputs differ beyond the tolerance; its
            file is not left behind.
    """
    from harness.models.layers.plain import plain

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    shipped = plain(model)
    given = samples if isinstance(samples, Samples) else Samples(samples)
    write = _writers(shipped, given, config.tolerance)
    artifacts = []
    for kind in ("keras", *config.formats):
        path = directory / FILES[kind]
        error, agreement = write[kind](path)
        weight = size.measure(path)
        artifacts.append(Artifact(kind, path, weight.bytes, weight.gzip_bytes, error, agreement))
    return artifacts


def _writers(
    model: Any, given: Samples, tolerance: float
) -> dict[str, Callable[[Path], tuple[float, float | None]]]:
    """Kind -> what writes its file, and returns its largest error and its agreement."""
    from harness.export import int8, keras_file, tflite, waveform

    x = given.inputs
    return {
        "keras": lambda path: (keras_file.to_keras(model, path, x, tolerance), None),
        "tflite": lambda path: (tflite.to_tflite(model, path, x, tolerance), None),
        "tflite_int8": lambda path: int8.to_int8(model, path, x, _needed(given.calibration)),
        "tflite_waveform": lambda path: (
            waveform.to_waveform(model, path, _needed(given.waveforms), x, tolerance),
            None,
        ),
    }


def _needed(samples: np.ndarray | None) -> np.ndarray:
    if samples is None:
        raise ValueError("a format lacks its samples: see harness.export.Samples")
    return samples
