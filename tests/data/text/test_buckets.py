"""Batches of about one length: every step's a function of the seed and the step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.text.corpora.buckets import Batches, padded_target, steps_per_epoch
from harness.errors import ConfigError

LIMITS = [3, 6, 10]


@st.composite
def corpora(draw):
    lengths = draw(st.lists(st.integers(1, 10), min_size=12, max_size=80))
    by_tokens = draw(st.booleans())
    batch_size = draw(st.integers(11, 40) if by_tokens else st.integers(1, 12))
    seed = draw(st.integers(0, 2**62 - 1))
    return np.array(lengths), batch_size, by_tokens, seed


@settings(deadline=None)
@given(corpora())
def test_an_epoch_has_the_steps_that_its_units_make_and_no_pair_twice(corpus):
    lengths, batch_size, by_tokens, seed = corpus
    batches = Batches(lengths, LIMITS, batch_size, by_tokens=by_tokens, seed=seed)
    widths = [next(limit for limit in LIMITS if limit >= length) for length in lengths]
    units = sum(map(padded_target, widths)) if by_tokens else len(lengths)
    assert batches.steps_per_epoch == units // batch_size
    for epoch in range(2):
        seen = []
        for step in range(batches.steps_per_epoch):
            limit, numbers = batches.at(epoch * batches.steps_per_epoch + step)
            assert lengths[numbers].max() <= limit
            if by_tokens:
                assert len(numbers) == batch_size // padded_target(limit)
            else:
                assert len(numbers) == batch_size
            seen += numbers.tolist()
        assert len(set(seen)) == len(seen)
        if not by_tokens:
            assert len(lengths) - len(seen) < batch_size, "only what fills no batch is left over"


@settings(deadline=None)
@given(corpora(), st.integers(0, 500))
def test_a_step_needs_no_other_step(corpus, step):
    lengths, batch_size, by_tokens, seed = corpus
    one = Batches(lengths, LIMITS, batch_size, by_tokens=by_tokens, seed=seed)
    two = Batches(lengths, LIMITS, batch_size, by_tokens=by_tokens, seed=seed)
    for earlier in range(0, step, 7):
        one.at(earlier)
    for (a, b), (c, d) in [(one.at(step), two.at(step)), (one.at(0), two.at(0))]:
        assert a == c
        assert b.tolist() == d.tolist()


def test_most_pairs_are_in_the_shortest_bucket_that_holds_them():
    lengths = np.random.RandomState(0).randint(1, 11, 3_000)
    batches = Batches(lengths, LIMITS, 32, by_tokens=False, seed=1)
    fitting = np.searchsorted(LIMITS, lengths)
    exact = total = 0
    for step in range(batches.steps_per_epoch):
        limit, numbers = batches.at(step)
        exact += (np.array(LIMITS)[fitting[numbers]] == limit).sum()
        total += len(numbers)
    assert exact / total > 0.97


def test_epochs_and_seeds_are_shuffled_otherwise():
    lengths = np.full(64, 2)
    order = {}
    for seed in (1, 2, 1 + (1 << 31)):
        batches = Batches(lengths, LIMITS, 8, by_tokens=False, seed=seed)
        for epoch in range(2):
            steps = range(epoch * 8, epoch * 8 + 8)
            order[seed, epoch] = np.concatenate([batches.at(step)[1] for step in steps]).tolist()
    assert all(sorted(one) == list(range(64)) for one in order.values())
    assert len({tuple(one) for one in order.values()}) == 6


@pytest.mark.parametrize(
    ("batch_size", "by_tokens", "accepted"),
    [
        (13, False, "from 1 to 12 sentences"),
        (10, True, "from 11 to 48 tokens"),
        (49, True, "from 11 to 48"),
    ],
)
def test_batches_that_cannot_be_filled_are_refused(batch_size, by_tokens, accepted):
    with pytest.raises(ConfigError, match=rf"batch_size={batch_size}: 12 training.*{accepted}"):
        Batches(np.full(12, 3), LIMITS, batch_size, by_tokens=by_tokens, seed=0)


@pytest.mark.parametrize(("by_tokens", "complaint"), [(False, "0 sentences"), (True, "0 tokens")])
def test_too_few_pairs_for_any_batch_are_refused(by_tokens, complaint):
    with pytest.raises(ConfigError, match=rf"^0 training pairs, {complaint} in all; accepted: 1"):
        steps_per_epoch(np.zeros(0, int), LIMITS, 8, by_tokens=by_tokens)
