"""How far a converted model may stray from the one it was made of."""

import numpy as np

from harness.errors import ExportError


def compare(kind: str, outputs: np.ndarray, expected: np.ndarray, tolerance: float) -> float:
    """The largest difference relative to the largest expected output.

    Raises:
        ExportError: If it is beyond `tolerance`, or not a number.
    """
    if outputs.shape != expected.shape:
        raise ExportError(
            f"{kind}: outputs of shape {outputs.shape} where the model gives {expected.shape}"
        )
    scale = float(np.abs(expected).max())
    error = float(np.abs(outputs - expected).max()) / (scale or 1.0)
    # Written so that NaN is refused too.
    if not error <= tolerance:
        raise ExportError(
            f"{kind}: the converted model's outputs differ from the Keras model's by"
            f" {error:.2g} of the largest, more than export.tolerance={tolerance:g}"
        )
    return error
