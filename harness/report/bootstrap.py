"""Whether one set of translations is better than another: sacrebleu's paired bootstrap.

Koehn 2004, https://aclanthology.org/W04-3250, as sacrebleu has it, over the test's sentences. It
scores detokenised text (13a), as `test/bleu_13a` does.
"""

import contextlib
import io
import logging
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from harness.tracking.answers import Answers

#: Draws of a test set.
SAMPLES = 1000


def available() -> bool:
    """Whether sacrebleu is installed."""
    return find_spec("sacrebleu") is not None


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
    logging.getLogger("sacrebleu").setLevel(logging.WARNING)
    with contextlib.redirect_stderr(io.StringIO()):
        test = _test(theirs)
        # systems are tried when it is called: the baseline is scored and drawn once for all
        test.named_systems = [*test.named_systems[:1], ("ours", list(ours.said))]
        _, scores = test()
    found: Any = scores["BLEU"]
    return found[1].score - found[0].score, found[1].p_value


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
    size = len(pairs[0][0].said)
    drawn = np.random.default_rng(12345).integers(size, size=(SAMPLES, size))
    times = np.stack([np.bincount(each, minlength=size) for each in drawn])
    times = np.concatenate([np.ones((1, size), times.dtype), times])  # first, as it is
    differences = np.mean(
        [_bleu(times @ _counts(ours)) - _bleu(times @ _counts(theirs)) for ours, theirs in pairs],
        axis=0,
    )
    return float(differences[0]), float(differences[1:].std(ddof=1))


@lru_cache(maxsize=16)
def _test(theirs: Answers) -> Any:
    """The test of systems against a baseline."""
    from sacrebleu.significance import PairedTest

    return PairedTest(
        [("theirs", list(theirs.said))],
        {"BLEU": _scorer(theirs.reference)},
        references=None,  # the scorer has counted them
        test_type="bs",
        n_samples=SAMPLES,
    )


@lru_cache(maxsize=8)
def _scorer(reference: tuple[str, ...]) -> Any:
    """sacrebleu's BLEU against a reference, which counts a text's n-grams once for all uses."""
    from sacrebleu.metrics import BLEU

    class Counting(BLEU):
        counted: dict[tuple[str, ...], Any]

        def _extract_corpus_statistics(self, hypotheses: Any, references: Any) -> Any:
            said = tuple(hypotheses)
            if said not in self.counted:
                self.counted[said] = super()._extract_corpus_statistics(said, references)
            return self.counted[said]

    scorer = Counting(references=[reference])
    scorer.counted = {}
    return scorer


@lru_cache(maxsize=64)
def _counts(answers: Answers) -> np.ndarray:
    """What BLEU counts of each sentence: words, reference's words, n-grams right and in all."""
    return np.array(_scorer(answers.reference)._extract_corpus_statistics(answers.said, None))


def _bleu(counts: np.ndarray) -> np.ndarray:
    from sacrebleu.metrics import BLEU

    orders = (counts.shape[1] - 2) // 2
    return np.array(
        [
            BLEU.compute_bleu(right, total, words, reference, smooth_method="exp").score
            for words, reference, right, total in (
                (each[0], each[1], each[2 : 2 + orders], each[2 + orders :])
                for each in counts.tolist()
            )
        ]
    )
