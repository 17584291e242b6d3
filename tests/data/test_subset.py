"""Balanced parts of a large data set."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.subset import balanced
from harness.errors import DataError

KEYS = ["validation_examples", "train_examples"]


@given(
    sizes=st.lists(st.integers(5, 40), min_size=2, max_size=6),
    per_class=st.integers(1, 2),
    seed=st.integers(0, 2**31),
)
def test_parts_are_disjoint_whole_and_balanced(sizes, per_class, seed):
    labels = np.random.RandomState(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    held_out, rest = balanced(labels, [per_class * len(sizes), None], seed, KEYS)
    assert sorted([*held_out, *rest]) == list(range(len(labels)))
    assert np.bincount(labels[held_out]).tolist() == [per_class] * len(sizes)


def test_a_larger_part_holds_every_smaller_one():
    labels = np.repeat(np.arange(10), 50)
    first, small = balanced(labels, [20, 100], 3, KEYS)
    again, large = balanced(labels, [20, 200], 3, KEYS)
    np.testing.assert_array_equal(first, again)
    assert set(small) < set(large)
    other, _ = balanced(labels, [20, 100], 4, KEYS)
    assert set(first) != set(other)


def test_a_small_class_is_made_up_for():
    labels = np.array([0] * 2 + [1] * 20)
    (part,) = balanced(labels, [10], 0, ["train_examples"])
    assert np.bincount(labels[part]).tolist() == [2, 8]


def test_the_choice_is_pinned():
    """A choice that moved between versions would leak test examples into training."""
    (part,) = balanced(np.repeat([0, 1, 2], 5), [6], 0, ["train_examples"])
    assert part.tolist() == PINNED


PINNED = [1, 4, 6, 8, 13, 14]


@pytest.mark.parametrize("counts", [[16, None], [4, 12], [15, None]])
def test_more_than_there_are_is_refused(counts):
    with pytest.raises(DataError, match=r"_examples: received .*accepted: 1 to"):
        balanced(np.zeros(15, int), counts, 0, KEYS)
