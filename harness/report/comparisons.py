"""Whether a difference is more than chance: over seeds, and over the examples of the test.

Seeds say how training varies, examples how the test set was drawn; a difference has to stand out
of both. Of several comparisons in one table, the p-values over seeds are corrected.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.report import bootstrap
from harness.report.collect import Run
from harness.report.statistics import LEAST, Estimate, mean_interval
from harness.tracking.answers import Answers

#: Of seeds, beyond which their number says only that a mean lies on its bound.
MANY = 1_000

_NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Comparison:
    """Runs of a row against others of the same seeds.

    Attributes:
        versus: `control`, or `dense` where the row has none: its cells train from scratch, as
            long as the dense ones.
        difference: over seeds.
        p: of the paired t-test over seeds, two-sided; None below `LEAST` seeds.
        examples: the same difference, its interval over the test's examples: those of a seed pair
            are alike, so only what the mean of an example's differences over seeds varies counts.
            Of translations, of `test/bleu_13a`, by bootstrap. None where runs do not say what they
            answered.
        p_by_seed: of translations instead, each seed's from sacrebleu's paired bootstrap.
        p_examples: of McNemar's test (https://doi.org/10.1007/BF02295996), exact for one seed.
    """

    versus: str
    difference: Estimate
    p: float | None = None
    examples: Estimate | None = None
    p_examples: float | None = None
    p_by_seed: tuple[float, ...] = ()


def compare(
    versus: str,
    difference: Estimate | None,
    runs: Sequence[Run],
    others: Mapping[str, Run],
    answers: Mapping[str, Answers],
) -> Comparison | None:
    """Compares the runs of a row with what they are to be compared with.

    Args:
        versus: what that is.
        difference: over seeds; None where nothing is paired.
        runs: of the row.
        others: run id -> the run it is compared with.
        answers: run id -> what it said.
    """
    if difference is None:
        return None
    pairs = [
        (answers[run.run_id], answers[others[run.run_id].run_id])
        for run in runs
        if run.run_id in others and {run.run_id, others[run.run_id].run_id} <= answers.keys()
    ]
    right = [
        (a.right, b.right)
        for a, b in pairs
        if a.right is not None and b.right is not None and a.right.shape == b.right.shape
    ]
    examples, p_examples = None, None
    if len(right) == difference.n and len({a.shape for a, _ in right}) == 1:
        examples, p_examples = _over_examples(right)
    elif len(pairs) == difference.n and (over := bootstrap.spread(pairs)) is not None:
        examples = Estimate(over[0], _NORMAL_95 * over[1], len(pairs[0][0].said))
    said = [found for a, b in pairs if (found := bootstrap.paired(a, b)) is not None]
    return Comparison(
        versus,
        difference,
        paired_t(difference.values),
        examples,
        p_examples,
        tuple(p for _, p in said),
    )


def paired_t(differences: Sequence[float]) -> float | None:
    """The two-sided p-value of a mean difference of zero, by Student's t.

    Args:
        differences: one a seed, shape `(n,)`.

    Returns:
        None below `LEAST` values, or where all are the same.

    Example:
        >>> round(paired_t([1.0, 2.0, 3.0]), 4)
        0.0742
    """
    values = np.asarray(differences, np.float64)
    if values.size < LEAST or np.ptp(values) == 0:
        return None
    t = values.mean() / (values.std(ddof=1) / values.size**0.5)
    return float(2 * special.stdtr(values.size - 1, -abs(t)))


def _over_examples(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[Estimate, float]:
    """The difference in points and its interval over examples, and McNemar's p-value."""
    each = np.mean([a.astype(float) - b.astype(float) for a, b in pairs], axis=0)
    half = _NORMAL_95 * each.std(ddof=1) / each.size**0.5
    estimate = Estimate(100 * float(each.mean()), 100 * float(half), each.size)
    return estimate, mcnemar(pairs[0]) if len(pairs) == 1 else _flipped(each)


def mcnemar(pair: tuple[np.ndarray, np.ndarray]) -> float:
    """McNemar's exact test: of the examples that one alone got right, is it half the one's?

    Args:
        pair: what each got right, two boolean arrays of shape `(examples,)`.

    Example:
        >>> mcnemar((np.array([True] * 9 + [False]), np.array([False] * 9 + [True])))
        0.021484375
    """
    first, second = pair
    gained, lost = int((first & ~second).sum()), int((second & ~first).sum())
    if gained + lost == 0:
        return 1.0
    return min(1.0, 2 * float(special.bdtr(min(gained, lost), gained + lost, 0.5)))


def _flipped(each: np.ndarray) -> float:
    """The test's large-sample form, where an example's difference is a mean over seeds."""
    spread = float(np.sqrt((each**2).sum()))
    return 1.0 if spread == 0 else float(2 * special.ndtr(-abs(each.sum()) / spread))


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Corrects p-values for there being several: Holm 1979, https://www.jstor.org/stable/4615733.

    Args:
        values: p-values, shape `(n,)`; None where there is none, which counts for nothing.

    Example:
        >>> holm([0.01, None, 0.04, 0.03])
        [0.03, None, 0.06, 0.06]
    """
    order = sorted((p, i) for i, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    least = 0.0
    for rank, (p, i) in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p))
        corrected[i] = least
    return corrected


def seeds_needed(
    differences: Sequence[float], distance: float, examples: Estimate | None = None
) -> int | None:
    """How many seeds would tell, in four of five tries, that a mean is off a bound.

    Args:
        differences: of the seeds there are, shape `(n,)`.
        distance: of the mean from the bound; in the same unit.
        examples: from `Comparison`: what more seeds do not take away.

    Returns:
        The least n with a one-sided 95 % test of 80 % power, if the spread is that of these seeds,
        `MANY + 1` for all beyond; None where there is no spread to go by.
    """
    values = np.asarray(differences, np.float64)
    if values.size < 2:
        return None
    spread = max(float(values.var(ddof=1)), 1e-18)
    for n in range(2, MANY + 1):
        needed = special.stdtrit(n - 1, 0.95) + special.stdtrit(n - 1, 0.8)
        if abs(distance) >= needed * (spread / n + _variance(examples)) ** 0.5:
            return n
    return MANY + 1


def examples_needed(
    differences: Sequence[float], examples: Estimate | None, distance: float
) -> int | None:
    """How many times as many test examples would tell, with the seeds that there are.

    Args:
        differences: one a seed, shape `(n,)`.
        examples: from `Comparison`.
        distance: of the mean from the bound; in the same unit.

    Returns:
        The least whole number of times, by the test of `bound` with 80 % power; None where seeds
        alone leave it open, or nothing is known of the examples.
    """
    values = np.asarray(differences, np.float64)
    if values.size < LEAST or examples is None or examples.half_width is None:
        return None
    wanted = float(special.stdtrit(values.size - 1, 0.95) + special.stdtrit(values.size - 1, 0.8))
    left = (distance / wanted) ** 2 - float(values.var(ddof=1)) / values.size
    return math.ceil(_variance(examples) / left) if left > 0 else None


def both_needed(
    differences: Sequence[float], examples: Estimate | None, distance: float
) -> tuple[int, int] | None:
    """How many seeds, and how many times as many test examples, would tell together.

    Either may take half of the variance with which the test of `bound` has 80 % power.

    Args:
        differences: one a seed, shape `(n,)`.
        examples: from `Comparison`.
        distance: of the mean from the bound; in the same unit.

    Returns:
        Both numbers; None where `MANY` seeds are not enough.
    """
    seeds = seeds_needed(differences, distance / 2**0.5)
    if seeds is None or seeds > MANY:
        return None
    wanted = float(special.stdtrit(seeds - 1, 0.95) + special.stdtrit(seeds - 1, 0.8))
    return seeds, max(1, math.ceil(2 * _variance(examples) * (wanted / distance) ** 2))


def _variance(examples: Estimate | None) -> float:
    """Of a mean difference, for the test's examples being drawn; 0 where it is not known."""
    if examples is None or examples.half_width is None:
        return 0.0
    return (examples.half_width / _NORMAL_95) ** 2


def bound(differences: Sequence[float], examples: Estimate | None) -> tuple[float, float] | None:
    """The 90 % interval of a difference: two one-sided tests at 5 % each (TOST).

    Both kinds of chance count: the variances of seeds and of examples add up, with the degrees of
    freedom of the seeds. That is wide rather than narrow, as seeds see the same examples.

    Args:
        differences: one a seed, shape `(n,)`.
        examples: from `Comparison`.

    Returns:
        Its ends; None below `LEAST` seeds.
    """
    values = np.asarray(differences, np.float64)
    if values.size < LEAST:
        return None
    variance = float(values.var(ddof=1)) / values.size + _variance(examples)
    half = float(special.stdtrit(values.size - 1, 0.95)) * variance**0.5
    mean = mean_interval(differences).mean
    return mean - half, mean + half
