"""Beam search against an exhaustive one, sentence by sentence."""

import numpy as np
import pytest

from harness.models.gnmt import Decoding
from harness.tasks.scores.beam import Search, translate
from harness.tasks.scores.steps import ModelSteps
from tests.models.gnmt_reference import EOS, Reference
from tests.models.test_gnmt import padded, sentences, small


def brief(model):
    """Weights with which hypotheses end at all lengths; most random nets talk on."""
    rng = np.random.default_rng(3)
    for variable in model.variables:
        drawn = rng.normal(size=variable.shape) * 1.5
        if variable.name != "seed_generator_state":
            variable.assign(drawn)
    kernel = 0.3 * np.array(model.get_layer("projection").kernel)
    kernel[:, EOS] *= -3
    model.get_layer("projection").kernel.assign(kernel)
    return model


@pytest.mark.parametrize(
    ("beam", "penalty", "ratio"), [(1, 1.0, 2.0), (4, 1.0, 2.0), (10, 1.0, 2.0), (5, 0.0, 3.0)]
)
def test_finds_what_the_reference_finds(beam, penalty, ratio):
    sources = sentences(12, seed=4)
    lengths = set()
    for model in (small(3), brief(small(3))):
        found = translate(ModelSteps(model), Decoding(beam, penalty, ratio), sources)
        reference = Reference(model, 3)
        for source, ours in zip(sources, found, strict=True):
            words, score = reference.search(source, beam, penalty, ratio)
            assert ours.ids == words, source
            assert ours.score == pytest.approx(score, rel=1e-4)
            lengths.add((len(words), len(words) == int(ratio * len(source))))
    assert {full for _, full in lengths} == {False, True}, "some end, some reach their limit"
    assert len(lengths) > 5


def test_the_batch_does_not_matter():
    model, decoding = small(2), Decoding(beam=3)
    sources = sentences(9, seed=5)
    together = translate(ModelSteps(model), decoding, sources)
    apart = translate(ModelSteps(model), decoding, sources[:1]) + translate(
        ModelSteps(model), decoding, sources[1:]
    )
    assert [one.ids for one in apart] == [one.ids for one in together]
    for one, other in zip(apart, together, strict=True):
        assert one.score == pytest.approx(other.score, rel=1e-4)
    assert translate(ModelSteps(model), decoding, []) == []


def test_what_has_ended_costs_nothing():
    """The model runs on the hypotheses that are left, and on no more because of others."""
    model, beam, sources = brief(small(3)), 6, sentences(8, seed=4)
    search = Search(ModelSteps(model), Decoding(beam=beam))
    rows = np.asarray(search(padded(sources, 6))[-1])
    alone = [np.asarray(search(padded([source], 6))[-1]) for source in sources]
    for one, source in zip(alone, sources, strict=True):
        assert one[0] == 1, "one row, before the first word"
        assert one.max() <= beam
        assert len(one) <= 2 * len(source)
    summed = sum(np.pad(one, (0, len(rows) - len(one))) for one in alone)
    np.testing.assert_array_equal(rows, summed)
    waiting = sum(1 + beam * (2 * len(source) - 1) for source in sources)
    assert rows.sum() < 0.6 * waiting, "less than if all were kept to their limits"
    assert min(map(len, alone)) < 2 * min(map(len, sources)), "and some end before"
