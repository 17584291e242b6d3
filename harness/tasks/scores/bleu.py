"""BLEU and chrF of translations, each with the signature that says how it was computed.

By sacrebleu (https://github.com/mjpost/sacrebleu). Published BLEU scores of this model are of
tokenised text with the subwords joined, cased; the same translations score points apart on
detokenised text, which is the only one that compares across tokenizers: both are kept.
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import DataError


@dataclass(frozen=True)
class Score:
    """A corpus score in percent.

    Attributes:
        value: The score.
        signature: sacrebleu's, which names tokenization, case, smoothing and version.
    """

    value: float
    signature: str


def require() -> None:
    """Refuses to go on without sacrebleu.

    Raises:
        DataError: it is not installed.
    """
    if importlib.util.find_spec("sacrebleu") is None:
        raise DataError(
            "BLEU: the sacrebleu package is not installed; pip install 'sparsity-harness[text]'"
        )


def score(
    words: Sequence[str],
    reference_words: Sequence[str],
    sentences: Sequence[str],
    references: Sequence[str],
) -> dict[str, Score]:
    """Scores translations of a test set against one reference each.

    Args:
        words: Translations, tokenised, subwords joined, cased.
        reference_words: References, tokenised alike.
        sentences: Translations, detokenised.
        references: References as they came.

    Returns:
        `bleu` (as published: sacrebleu's `tok:none|smooth:none` on the words), `bleu_13a` (of
        the detokenised text) and `chrf`.

    Raises:
        DataError: there is nothing to score, or sacrebleu is not installed.
    """
    require()
    if not words:
        raise DataError("BLEU: there are no translations; accepted: a test split of one or more")
    from sacrebleu.metrics import BLEU, CHRF

    # `force` keeps it from warning that the text is tokenised: it is meant to be.
    tokenized = BLEU(tokenize="none", smooth_method="none", force=True)
    kinds = {
        "bleu": (tokenized, words, reference_words),
        "bleu_13a": (BLEU(tokenize="13a"), sentences, references),
        "chrf": (CHRF(), sentences, references),
    }
    scores = {}
    for name, (metric, ours, theirs) in kinds.items():
        value = metric.corpus_score(list(ours), [list(theirs)]).score
        scores[name] = Score(value, str(metric.get_signature()))
    return scores
