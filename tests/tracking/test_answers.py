"""What BLEU counts of sentences, against sacrebleu's own scores of them."""

import csv

import numpy as np
import pytest
from sacrebleu.metrics import BLEU

from harness.tracking import answers, collected
from harness.tracking.answers import counts
from tests.settings import ROOT

SAID = ("A dog, a cat & 1.5 dogs run.  ", "", "a a a a a", "He said: \"l'été\" — no-one's!")
RIGHT = ("A dog and a cat run, & 1.5 cats sit.", "none", "a b a", 'He says: "l\'été" -- no.')
COMMITTED = sorted((ROOT / "results" / "runs").glob("*.parquet"))


def test_counts_of_a_sentence_are_sacrebleus():
    found = counts(SAID, RIGHT).tolist()
    for said, right, of_it in zip(SAID, RIGHT, found, strict=True):
        score = BLEU().corpus_score([said], [[right]])
        assert of_it == [score.sys_len, score.ref_len, *score.counts, *score.totals]
    # the same words are another sentence's, where another reference stands
    assert counts(SAID, RIGHT).tolist() == found
    assert counts(SAID[::-1], RIGHT).tolist() != found[::-1]


@pytest.mark.parametrize("kept", [{"counts": None}, {}])
def test_runs_collected_without_counts_are_counted_as_they_are_read(kept):
    run = {"right": None, "said": list(SAID), "reference": list(RIGHT), **kept}
    np.testing.assert_array_equal(answers.of(run).counts, counts(SAID, RIGHT))


@pytest.mark.parametrize("said", [(), ("a " * 40_000,)])
def test_none_and_many_words_come_back(said, tmp_path):
    with (tmp_path / "translations.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["reference", "hypothesis"])
        rows.writerows(["a b", text] for text in said)
    found = answers.of(answers.read(str(tmp_path)))
    assert found.counts.shape == (len(said), 10)
    assert found.counts[:, 0].tolist() == [40_000] * len(said)


def test_the_committed_counts_are_those_of_the_committed_texts():
    found = 0
    for path in COMMITTED:
        for run in collected._file(path, 0):
            if run["said"]:
                of_it = counts(run["said"], tuple(run["reference"]))
                np.testing.assert_array_equal(answers.of(run).counts, of_it)
                found += run["counts"] is not None
    assert found > 20
