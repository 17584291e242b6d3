"""Export: the files that a trained model is shipped as, and what they weigh.

Every file is read back and compared with the model before its bytes count.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.schema import ExportConfig
from harness.export import size


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
    """

    kind: str
    path: Path
    bytes: int
    gzip_bytes: int
    max_error: float


def export(
    model: Any, config: ExportConfig, directory: Path | str, samples: np.ndarray
) -> list[Artifact]:
    """Writes `model.keras` and a file for each format, checked and measured.

    Args:
        model: The trained `keras.Model`, pruner detached or not: constraints are left out.
        config: Formats, and how far a converted model may differ.
        directory: Where the files go; made if missing.
        samples: Inputs to compare outputs on, [n, ...]: real ones, for random inputs leave
            most of a trained network idle.

    Returns:
        The `model.keras` artifact, then one a format, in order.

    Raises:
        ExportError: If a conversion fails, or its outputs differ beyond the tolerance; its
            file is not left behind.
    """
    from harness.export import keras_file, tflite
    from harness.models.plain import plain

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    shipped = plain(model)
    writers = {"keras": keras_file.to_keras, "tflite": tflite.to_tflite}
    artifacts = []
    for kind in ("keras", *config.formats):
        path = directory / f"model.{kind}"
        error = writers[kind](shipped, path, samples, config.tolerance)
        weight = size.measure(path)
        artifacts.append(Artifact(kind, path, weight.bytes, weight.gzip_bytes, error))
    return artifacts
