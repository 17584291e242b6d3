"""Means and their confidence intervals over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import special

CONFIDENCE = 0.95
#: Fewer values have no interval that is of use.
LEAST = 3


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, `mean` ± `half_width`.

    `half_width` is None for one seed or two: one value says nothing about its own spread, and two
    say so little (t is 12.7) that the interval is wider than what can be. `values` are then what
    there is to show.
    """

    mean: float
    half_width: float | None
    n: int
    values: tuple[float, ...] = field(default=(), compare=False, repr=False)


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """Estimates a mean with Student's t interval (normal errors, unknown variance).

    Args:
        values: One finite value a seed, shape `(n,)` with n at least 1.
        confidence: The interval's coverage, in (0, 1).

    Returns:
        The mean and half the interval's width: t(n - 1) × s / √n.

    Raises:
        ValueError: There is no value, or one that is not finite.

    Example:
        >>> mean_interval([1.0, 2.0, 3.0])
        Estimate(mean=2.0, half_width=2.484..., n=3)
    """
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1 or data.size == 0 or not np.isfinite(data).all():
        raise ValueError(f"received {values!r}; a mean needs one finite value a seed, at least one")
    n = data.size
    mean = float(data.mean())
    each = tuple(data.tolist())
    if n < LEAST:
        return Estimate(mean, None, n, each)
    # scipy.special rather than scipy.stats: the same quantile, without its second of import.
    quantile = float(special.stdtrit(n - 1, 0.5 + confidence / 2))
    return Estimate(mean, quantile * float(data.std(ddof=1)) / n**0.5, n, each)


def paired_difference(
    values: Mapping[str, float], baseline: Mapping[str, float], confidence: float = CONFIDENCE
) -> Estimate | None:
    """Estimates the mean of `values - baseline` over the keys (seeds, runs) in both.

    Pairing removes the spread that a cell shares with the baseline it started from, so its
    interval is the one to judge a difference by, not the two cells' own intervals.

    Args:
        values: Key -> value.
        baseline: Key -> the baseline's value.
        confidence: The interval's coverage, in (0, 1).

    Returns:
        The estimate of the difference, or None if no key is in both.
    """
    pairs = [value - baseline[key] for key, value in values.items() if key in baseline]
    return mean_interval(pairs, confidence) if pairs else None
