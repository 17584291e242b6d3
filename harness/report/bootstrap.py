"""Whether one set of translations is better than another: sacrebleu's paired bootstrap.

Koehn 2004, https://aclanthology.org/W04-3250, as sacrebleu has it, over the test's sentences. It
scores detokenised text (13a), as `test/bleu_13a` does.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from harness.tracking.answers import Answers, available

#: Draws of a test set.
SAMPLES = 1000
_SEED = 12345  # sacrebleu's


def paired(ours: Answers, theirs: Answers) -> tuple[float, float] | None:
    """Compares two runs' translations of one test set.

    Args:
        ours: what the one said.
        theirs: what the other said of the same sentences.

    Returns:
        The difference in BLEU, and its p-value; None where they are not of the same sentences.
    """
    if not ours.said or ours.reference != theirs.reference or not available():
        return None
    from sacrebleu.significance import _compute_p_value

    gains = _scores(ours) - _scores(theirs)
    drawn = np.abs(gains[1:])
    return float(gains[0]), _compute_p_value(drawn - drawn.mean(), abs(float(gains[0])))


def spread(pairs: Sequence[tuple[Answers, Answers]]) -> tuple[float, float] | None:
    """What the mean difference of several seeds varies by, were the test's sentences others.

    Seeds translate the same sentences: each draw of a test set is scored for all of them.

    Args:
        pairs: of each seed, what the one run said, and the other.

    Returns:
        The mean difference in BLEU, and its standard error over `SAMPLES` draws; None where they
        are not all of the same sentences.
    """
    each = [one for pair in pairs for one in pair]
    if not all(one.said for one in each) or len({one.reference for one in each}) != 1:
        return None
    if not available():
        return None
    differences = np.mean([_scores(ours) - _scores(theirs) for ours, theirs in pairs], axis=0)
    return float(differences[0]), float(differences[1:].std(ddof=1))


@lru_cache(maxsize=64)
def _scores(answers: Answers) -> np.ndarray:
    """BLEU of translations, and then of each draw: shape `(1 + SAMPLES,)`, read by all tests."""
    from sacrebleu.metrics import BLEU

    counts = np.asarray(answers.counts, np.float64)  # which processors multiply faster
    # not by BLAS, whose threads spin for long after so small a product, on cores that plots need
    sums = np.einsum("ij,kj->ik", _times(len(counts)), counts.T.copy()).astype(int).tolist()
    score = BLEU()._compute_score_from_stats
    return np.array([score(each).score for each in sums])


@lru_cache(maxsize=8)
def _times(size: int) -> np.ndarray:
    """How often each sentence is there: once, and then in each draw; those that sacrebleu makes."""
    drawn = np.random.default_rng(_SEED).choice(size, size=(SAMPLES, size), replace=True)
    times = [np.ones(size, int), *(np.bincount(each, minlength=size) for each in drawn)]
    return np.array(times, np.float64)
