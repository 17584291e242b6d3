"""BLEU and chrF: whose numbers they are."""

import pytest

from harness.errors import DataError
from harness.tasks.scores.bleu import score

REFERENCES = [
    "Ein Mann, der etwas anstarrt.",
    "Zwei Hunde spielen im Schnee (oder Eis).",
    "Kinder laufen über die grüne Wiese hinter dem Haus.",
]
WORDS = [
    "Ein Mann , der etwas anstarrt .",
    "Zwei Hunde spielen im Schnee ( oder Eis ) .",
    "Kinder laufen über die grüne Wiese hinter dem Haus .",
]


def test_perfect_translations_score_100():
    scores = score(WORDS, WORDS, REFERENCES, REFERENCES)
    assert scores.keys() == {"bleu", "bleu_13a", "chrf"}
    for one in scores.values():
        assert one.value == pytest.approx(100)


def test_signatures_say_how():
    scores = score(WORDS, WORDS, REFERENCES, REFERENCES)
    tokenized = scores["bleu"].signature
    assert "tok:none|smooth:none" in tokenized
    assert "case:mixed" in tokenized
    assert "tok:13a|smooth:exp" in scores["bleu_13a"].signature
    assert "nc:6|nw:0" in scores["chrf"].signature
    for one in scores.values():
        assert "version:2." in one.signature


def test_tokenized_bleu_by_hand():
    """Precisions 6/7, 4/6, 2/5, 1/4 and no brevity penalty: their geometric mean."""
    [ours], [reference] = ["Ein Mann , der nichts anstarrt ."], WORDS[:1]
    scores = score([ours], [reference], ["x"], ["y"])
    expected = 100 * (6 / 7 * 4 / 6 * 2 / 5 * 1 / 4) ** 0.25
    assert scores["bleu"].value == pytest.approx(expected)


def test_case_counts():
    lowered = [words.lower() for words in WORDS]
    assert score(lowered, WORDS, REFERENCES, REFERENCES)["bleu"].value < 80


def test_nothing_to_score_is_refused():
    with pytest.raises(DataError, match="no translations"):
        score([], [], [], [])
