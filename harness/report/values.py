"""Parameter and metric values as stores spell them."""

import math
from typing import Any


def canonical(value: Any) -> str:
    """Returns the one spelling under which equal parameter values compare equal.

    Example:
        >>> canonical("0.50") == canonical(0.5), canonical(None) == canonical("null")
        (True, True)
    """
    text = "" if value is None or value != value else str(value).strip()  # NaN is not itself
    if text.lower() in ("", "none", "null"):
        return ""
    try:
        return repr(float(text))
    except ValueError:
        return text.lower() if text.lower() in ("true", "false") else text


def is_finite(value: float) -> bool:
    """Whether a metric is a number; MLflow stores an infinity as the largest double."""
    return math.isfinite(value) and abs(value) < 1e300
