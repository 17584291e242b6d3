"""Export: the files that a trained model is shipped as, and what they weigh.

Every file is read back and compared with the model before its bytes count. A format is one file
of this folder (`harness.export.base`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.errors import ExportError
from harness.export import size
from harness.export.base import (
    FORMATS,
    Artifact,
    Exported,
    ExportOptions,
    Failure,
    Format,
    Samples,
    remove,
)
from harness.export.comparison import settled
from harness.export.model_size import size_of

__all__ = [
    "FORMATS", "Artifact", "ExportOptions", "Exported", "Failure", "Format", "Samples", "export",
    "size_of",
]  # fmt: skip

_KERAS = "keras"
#: The format whose file holds the weights of `model.keras` once more.
SAME = "tflite"
#: What comes after all formats: `SIZES of KIND`, each compressed.
SIZES = "sizes"


def export(
    model: Any,
    options: ExportOptions,
    directory: Path | str,
    samples: Samples | Any,
    on_format: Callable[[str], None] = lambda kind: None,
) -> Exported:
    """Writes `model.keras` and a file for each format, checked and measured.

    Args:
        model: The trained `keras.Model`, pruner detached or not: constraints are left out.
        options: Formats, and how far a converted model may differ.
        directory: Where the files go; made if missing. Files of the same names are replaced, or
            are gone where a format fails.
        samples: Inputs to compare outputs on, and what some formats need besides.
        on_format: Hears which format comes next, and in the end whose `SIZES` are waited for.

    Returns:
        The `model.keras` artifact, then one a format, in order; and the formats that failed,
        whose files are not left behind.

    Raises:
        ExportError: If a weight is not a finite number, or Keras cannot read back what it wrote.
    """
    from harness.export import keras_file
    from harness.models.layers.plain import plain

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    shipped = plain(model)
    _refuse_nan(shipped)
    given = samples if isinstance(samples, Samples) else Samples(samples)
    path = directory / keras_file.FILE
    for name in (path.name, *(each.file for each in options.chosen())):
        remove(directory / name)  # lest a format that fails has another model's file
    failures: list[Failure] = []
    # each is weighed while the next one is converted
    with (
        settled(shipped, given.inputs, *given.more.values()),
        size.Scales(options.compress) as scales,
    ):
        on_format(_KERAS)
        compared = keras_file.to_keras(shipped, path, given.inputs, options.tolerance)
        spared = options.compress is not None and SAME in options.formats
        weighed = scales.weigh(path, () if spared else None)
        made: list[Any] = [(_KERAS, path, weighed, compared, {})]
        for each in options.chosen():
            path = directory / each.file
            on_format(each.kind)
            try:
                if each.kind in given.lacking:
                    raise ExportError(given.lacking[each.kind])
                compared = each.write(shipped, path, given, options.tolerance)
                details = _details(each, path, shipped)
            except ExportError as error:
                failures.append(Failure(each.kind, str(error), error.correlation))
            else:
                made.append((each.kind, path, scales.weigh(path), compared, details))
        if spared and all(kind != SAME for kind, *_ in made):
            kind, path, _, *told = made[0]
            made[0] = kind, path, scales.weigh(path), *told
        artifacts = []
        for kind, path, weighed, compared, details in made:
            on_format(f"{SIZES} of {kind}")
            artifacts.append(Artifact(kind, path, weighed(), compared, details))
    return Exported(artifacts, failures)


def _details(each: Format, path: Path, model: Any) -> dict[str, float]:
    """What a format tells of its file, which is not left behind if that fails."""
    try:
        return each.details(path, model)
    except ExportError:
        remove(path)
        raise


def _refuse_nan(model: Any) -> None:
    import numpy as np

    for weight in model.weights:
        if not np.isfinite(weight.numpy()).all():
            raise ExportError(
                f"{model.name}: its weight {weight.path} holds NaN or infinity; accepted: finite"
                " numbers (training diverged: try a lower learning rate)"
            )
