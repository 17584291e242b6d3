"""How far a converted model may stray from the one it was made of."""

import numpy as np

from harness.errors import ExportError

#: Least share of samples to which a model of 8-bit integers gives the model's class.
AGREEMENT = 0.9
#: Classes whose outputs are closer than this share of the outputs' range are a tie: some
#: thirteen of an 8-bit output's 256 values, what rounding from layer to layer adds up to.
TIE = 0.05


def compare(kind: str, outputs: np.ndarray, expected: np.ndarray, tolerance: float) -> float:
    """The largest difference relative to the largest expected output.

    Raises:
        ExportError: If it is beyond `tolerance`, or not a number.
    """
    _same_shape(kind, outputs, expected)
    error = difference(outputs, expected)
    # Written so that NaN is refused too.
    if not error <= tolerance:
        raise ExportError(
            f"{kind}: the converted model's outputs differ from the Keras model's by"
            f" {error:.2g} of the largest, more than export.tolerance={tolerance:g}"
        )
    return error


def difference(outputs: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference relative to the largest expected output."""
    scale = float(np.abs(expected).max())
    return float(np.abs(outputs - expected).max()) / (scale or 1.0)


def agreement(kind: str, outputs: np.ndarray, expected: np.ndarray) -> float:
    """The share of samples whose class is the expected one, or ties with it.

    Args:
        kind: What to call the converted model in a refusal.
        outputs: Of the converted model, [samples, classes].
        expected: Of the model itself.

    Raises:
        ExportError: If it is below `AGREEMENT`.
    """
    _same_shape(kind, outputs, expected)
    chosen = np.take_along_axis(expected, outputs.argmax(axis=-1)[..., np.newaxis], axis=-1)
    short = expected.max(axis=-1) - chosen[..., 0]
    share = float((short <= TIE * np.ptp(expected)).mean())
    if not share >= AGREEMENT:
        raise ExportError(
            f"{kind}: the converted model gives the Keras model's class to {share:.1%} of the"
            f" samples; accepted: {AGREEMENT:.0%} or more"
        )
    return share


def _same_shape(kind: str, outputs: np.ndarray, expected: np.ndarray) -> None:
    if outputs.shape != expected.shape:
        raise ExportError(
            f"{kind}: outputs of shape {outputs.shape} where the model gives {expected.shape}"
        )
