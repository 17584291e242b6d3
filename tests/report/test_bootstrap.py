"""Against what sacrebleu says of whole sets, and on sets whose answer is known."""

import random

import pytest
from sacrebleu.metrics import BLEU

from harness.report.bootstrap import paired
from harness.tracking.answers import Answers

LINE = "a man in the red shirt sits on his old bench near that lake and reads some book"
WORDS = LINE.split()


def reference(count=120):
    draw = random.Random(0)
    return tuple(" ".join(draw.choices(WORDS, k=12)) for _ in range(count))


def said(share, seed):
    """The references with a share of their words lost."""
    draw = random.Random(seed)
    return tuple(
        " ".join(word for word in line.split() if draw.random() > share) for line in reference()
    )


def answers(share, seed):
    return Answers(None, said(share, seed), reference())


def test_a_clear_gain_is_told_from_chance():
    good, bad = answers(0.05, 1), answers(0.4, 2)
    difference, p = paired(good, bad)
    scores = [BLEU().corpus_score(list(each.said), [list(reference())]) for each in (good, bad)]
    assert difference == pytest.approx(scores[0].score - scores[1].score, abs=0.01)
    assert p < 0.01
    assert paired(bad, good)[0] == pytest.approx(-difference)


def test_two_draws_of_the_same_are_not():
    _, p = paired(answers(0.2, 1), answers(0.2, 2))
    assert p > 0.05


def test_what_has_other_sentences_or_none_is_not_compared():
    assert paired(Answers(), Answers()) is None
    other = Answers(None, said(0.1, 1), reference()[::-1])
    assert paired(answers(0.1, 1), other) is None
