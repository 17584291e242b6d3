"""Configs of text data sets: what goes together, and what is out of range."""

import dataclasses

import pytest

from harness.config import cell_id, compose
from harness.data.text.corpora.options import languages
from harness.data.text.parallel_text import ParallelText
from harness.errors import ConfigError


def pairs(**options):
    given = {"validation_share": 0.1, "test_share": 0.1} | options
    return ParallelText(**given)


def test_sound_options_pass():
    pairs().check()
    by_tokens = pairs(direction="fr_en", batch_by="tokens", max_length=7, buckets=[2, 7])
    by_tokens.check()
    by_tokens.check_batch(8)
    assert languages("de_en") == ("de", "en")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"direction": "en-de"}, r"direction: received 'en-de'; accepted: SOURCE_TARGET"),
        ({"direction": "en_en"}, "two language codes"),
        ({"tokenizer": "spacy"}, "accepted: moses, none"),
        ({"batch_by": "words"}, "accepted: sentences, tokens"),
        ({"vocabulary_size": 4}, "8 or more"),
        ({"filter_length": 0}, "1 or more words"),
        ({"max_length": 0}, "1 or more subwords"),
        ({"buckets": [10, 20]}, r"buckets: received \[10, 20\]; .*max_length=50"),
        ({"buckets": [20, 10, 50]}, "ascending lengths"),
        ({"buckets": []}, "ascending lengths"),
        ({"test_share": 0.0}, r"test_share: received 0\.0.*dataset\.test_files"),
        ({"validation_share": 0.5}, r"a number in \(0, 0\.5\)"),
        ({"test_files": "test"}, r"test_share: received 0\.1 beside dataset\.test_files=test"),
    ],
)
def test_options_out_of_range_are_refused(options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        pairs(**options).check()


def test_a_batch_of_tokens_must_hold_the_longest_sentence():
    pairs().check_batch(1)
    with pytest.raises(ConfigError, match=r"batch_size: received 50; accepted: 51 or more tokens"):
        pairs(batch_by="tokens").check_batch(50)


@pytest.mark.parametrize("place", ["data_dir", "cache_dir", "train_files", "vocabulary_file"])
def test_places_do_not_decide_a_cell_and_the_direction_does(place):
    cell = compose([])

    def of(**options):
        return cell_id(dataclasses.replace(cell, dataset=pairs(**options)), "fingerprint")

    assert of(**{place: "elsewhere"}) == of()
    assert of(direction="de_en") != of()


def test_reviews_go_with_the_example_s_net_of_the_same_vocabulary():
    given = ["model=imdb_lstm", "dataset=imdb", "training=imdb_lstm"]
    config = compose(given)
    assert config.model.vocabulary_size == config.dataset.vocabulary_size == 20_000
    with pytest.raises(ConfigError, match=r"model\.vocabulary_size: received 20000; .*size, 500"):
        compose([*given, "dataset.vocabulary_size=500"])
    with pytest.raises(ConfigError, match=r"dataset\.length: received 0"):
        compose([*given, "dataset.length=0"])
    with pytest.raises(ConfigError, match=r"received mnist \(images\) with model=imdb_lstm"):
        compose(["model=imdb_lstm", "dataset=mnist"])


def test_the_published_rates_are_those_of_luong10():
    """tensorflow/nmt, model.py: start_decay_step, decay_steps and a staircase of halves."""
    from harness.training import recipe

    training = compose(["model=gnmt", "dataset=wmt16", "training=gnmt", "export=keras"]).training
    assert (training.batch_size, training.finetune.start) == (128, "scratch")
    for phase in (training.dense, training.finetune):
        assert (phase.steps, phase.optimizer.name, phase.optimizer.clip_norm) == (340_000, "sgd", 5)
        rate = phase.decay.schedule(phase.optimizer.learning_rate, recipe.length(phase, 35_000))
        for step in (0, 169_999, 170_000, 186_999, 187_000, 203_999, 204_000, 322_999, 339_999):
            halvings = max(0, step - 170_000) // 17_000
            assert float(rate(step)) == pytest.approx(0.5**halvings), step
