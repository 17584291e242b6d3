"""Against what sacrebleu says of whole sets, and on sets whose answer is known."""

import random
import statistics

import pytest
from sacrebleu.metrics import BLEU
from sacrebleu.significance import PairedTest

from harness.report.bootstrap import SAMPLES, paired, spread
from harness.tracking.answers import Answers, counts

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
    return translated(said(share, seed), reference())


def translated(said, reference):
    return Answers(None, said, reference, counts(said, reference))


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


def test_each_of_several_is_compared_as_sacrebleu_compares_it():
    baseline, systems = answers(0.2, 1), [answers(share, 7) for share in (0.1, 0.2, 0.3)]
    named = [(str(number), list(each.said)) for number, each in enumerate((baseline, *systems))]
    _, told = PairedTest(named, {"BLEU": BLEU()}, [reference()], "bs", n_samples=SAMPLES)()
    for system, theirs in zip(systems, told["BLEU"][1:], strict=True):
        difference, p = paired(system, baseline)
        assert difference == pytest.approx(theirs.score - told["BLEU"][0].score, abs=1e-9)
        assert p == theirs.p_value


def test_what_has_other_sentences_or_none_is_not_compared():
    assert paired(Answers(), Answers()) is None
    other = translated(said(0.1, 1), reference()[::-1])
    assert paired(answers(0.1, 1), other) is None


def test_what_other_sentences_would_change_is_sacrebleus_of_one_seed():
    """Against draws scored by sacrebleu itself, sentence by sentence."""
    ours, theirs = answers(0.1, 1), answers(0.3, 2)
    mean, error = spread([(ours, theirs)])
    assert mean == pytest.approx(paired(ours, theirs)[0], abs=0.01)
    draw, count, found = random.Random(1), len(ours.said), []
    for _ in range(60):
        at = draw.choices(range(count), k=count)
        scores = [
            BLEU().corpus_score([each.said[i] for i in at], [[each.reference[i] for i in at]]).score
            for each in (ours, theirs)
        ]
        found.append(scores[0] - scores[1])
    assert error == pytest.approx(statistics.stdev(found), rel=0.4)


def test_seeds_average_what_training_varies_not_what_all_translate():
    seeds = [(answers(0.1, 2 * i), answers(0.1, 2 * i + 1)) for i in range(8)]
    _, one = spread(seeds[:1])
    _, eight = spread(seeds)
    assert eight < 0.5 * one, "their words are lost by chance: nothing is shared"
    _, same = spread(seeds[:1] * 8)
    assert same == pytest.approx(one)


def test_spread_of_other_sentences_or_none_is_not_told():
    good = answers(0.1, 1)
    assert spread([]) is None
    assert spread([(good, Answers())]) is None
    assert spread([(good, translated(good.said, good.reference[::-1]))]) is None
