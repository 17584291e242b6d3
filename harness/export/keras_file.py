"""The `.keras` file: the model for anyone who has Keras."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.export.comparison import compare

if TYPE_CHECKING:
    import keras

FILE = "model.keras"


def to_keras(model: "keras.Model", path: Path, samples: Any, tolerance: float) -> float:
    """Writes a model in Keras' own format, and reads it back.

    Args:
        model: A model of Keras' own layers (`harness.models.layers.plain`).
        path: File to write, ending in .keras.
        samples: Inputs to compare outputs on.
        tolerance: Largest relative difference accepted.

    Returns:
        The largest relative difference; 0 if Keras reads back what it wrote.

    Raises:
        ExportError: If the difference is beyond the tolerance.
    """
    import keras

    partial = path.with_name(f"{path.stem}.partial.keras")
    try:
        model.save(partial)
        again = keras.saving.load_model(partial, compile=False)
        expected = np.asarray(model(samples, training=False))
        error = compare(FILE, np.asarray(again(samples, training=False)), expected, tolerance)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return error
