"""Export: the files that a trained model is shipped as, and what they weigh.

Every file is read back and compared with the model before its bytes count. A format is one file
of this folder (`harness.export.base`).
"""

from pathlib import Path
from typing import Any

from harness.export import size
from harness.export.base import FORMATS, Artifact, ExportOptions, Format, Samples
from harness.export.size import size_of

__all__ = ["FORMATS", "Artifact", "ExportOptions", "Format", "Samples", "export", "size_of"]

_KERAS = "keras"


def export(
    model: Any, options: ExportOptions, directory: Path | str, samples: Samples | Any
) -> list[Artifact]:
    """Writes `model.keras` and a file for each format, checked and measured.

    Args:
        model: The trained `keras.Model`, pruner detached or not: constraints are left out.
        options: Formats, and how far a converted model may differ.
        directory: Where the files go; made if missing.
        samples: Inputs to compare outputs on, and what some formats need besides.

    Returns:
        The `model.keras` artifact, then one a format, in order.

    Raises:
        ExportError: If a conversion fails, or its outputs differ beyond the tolerance; its
            file is not left behind.
    """
    from harness.export import keras_file
    from harness.models.layers.plain import plain

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    shipped = plain(model)
    given = samples if isinstance(samples, Samples) else Samples(samples)
    path = directory / keras_file.FILE
    error = keras_file.to_keras(shipped, path, given.inputs, options.tolerance)
    artifacts = [_measured(_KERAS, path, error, None)]
    for each in options.chosen():
        path = directory / each.file
        found = each.write(shipped, path, given, options.tolerance)
        artifacts.append(_measured(each.kind, path, *found))
    return artifacts


def _measured(kind: str, path: Path, error: float, agreement: float | None) -> Artifact:
    weight = size.measure(path)
    return Artifact(kind, path, weight.bytes, weight.gzip_bytes, error, agreement)
