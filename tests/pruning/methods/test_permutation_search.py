"""The search for a channel order: valid, never worse, and optimal where that can be checked."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.pruning import NM, PruningError, search_permutation
from harness.pruning.permutation.permutation_search import kept_magnitude


@settings(deadline=None)
@given(
    channels=st.integers(1, 24),
    columns=st.integers(1, 6),
    nm=st.sampled_from([(2, 4), (1, 4), (1, 2), (3, 5)]),
    seed=st.integers(0, 999),
)
def test_is_a_permutation_that_keeps_at_least_as_much(channels, columns, nm, seed):
    matrix = np.abs(np.random.default_rng(seed).normal(size=(channels, columns)))
    order = search_permutation(matrix, *nm, escapes=2, seed=seed)
    assert sorted(order) == list(range(channels))
    movable = channels // nm[1] * nm[1]
    assert list(order[movable:]) == list(range(movable, channels))
    before, after = (kept_magnitude(m, *nm) for m in (matrix, matrix[order]))
    assert after >= before * (1 - 1e-6)


@settings(deadline=None)
@given(seed=st.integers(0, 99), nm=st.sampled_from([(2, 4), (1, 4), (1, 2)]))
def test_kept_magnitude_is_what_the_pattern_keeps(seed, nm):
    matrix = np.abs(np.random.default_rng(seed).normal(size=(11, 3))).astype("float32")
    mask = NM(*nm).mask(matrix, None)
    assert kept_magnitude(matrix, *nm) == pytest.approx(float(matrix[mask].sum()), rel=1e-5)


def test_finds_the_best_of_all_orders():
    random = np.random.default_rng(0)
    for _ in range(5):
        matrix = np.abs(random.normal(size=(8, 4)))
        # Groups as sets: fix channel 0 in the first one.
        best = max(
            kept_magnitude(matrix[list(order)], 2, 4)
            for order in permutations(range(8))
            if order[0] == 0
            and sorted(order[:4]) == list(order[:4])
            and order[4:] == tuple(sorted(order[4:]))
        )
        order = search_permutation(matrix, 2, 4, escapes=30)
        assert kept_magnitude(matrix[order], 2, 4) == pytest.approx(best, rel=1e-6)


def test_spreads_out_crowded_channels():
    # All large channels in the first group: only half of them would be kept.
    matrix = np.full((16, 5), 0.01)
    matrix[:4] = 1.0
    assert kept_magnitude(matrix, 2, 4) < 10.4
    order = search_permutation(matrix, 2, 4)
    assert kept_magnitude(matrix[order], 2, 4) > 20.0


def test_escapes_never_lose_what_was_found():
    matrix = np.abs(np.random.default_rng(4).normal(size=(32, 6)))
    kept = [
        kept_magnitude(matrix[search_permutation(matrix, 2, 4, escapes=e)], 2, 4)
        for e in (0, 5, 100)
    ]
    assert kept[0] <= kept[1] <= kept[2]
    assert kept[2] > kept[0]


def test_refuses_other_ranks():
    with pytest.raises(PruningError, match="channels, columns"):
        search_permutation(np.ones(8), 2, 4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_refuses_what_has_no_order(value):
    matrix = np.ones((8, 2))
    matrix[5, 1] = value
    with pytest.raises(PruningError, match="must be finite"):
        search_permutation(matrix, 2, 4)
