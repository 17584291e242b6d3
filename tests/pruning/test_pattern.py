"""Patterns hold on kernels of any rank, along the right axis."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.pruning import NM, Block, Channels, PruningError, Unstructured
from harness.pruning.threshold import kept_count

SHAPES = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple)


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@given(SHAPES, st.floats(0, 1))
@settings(max_examples=40)
def test_unstructured_keeps_the_counted_number(shape, sparsity):
    scores = np.abs(normal(shape))
    mask = Unstructured().mask(scores, sparsity)
    assert mask.dtype == bool
    assert mask.shape == shape
    assert mask.sum() == kept_count(scores.size, sparsity)
    assert mask.all() or scores[mask].min() >= scores[~mask].max()


@given(SHAPES, st.sampled_from([(1, 2), (2, 4), (1, 4), (3, 8), (4, 16)]), st.data())
@settings(max_examples=60)
def test_n_of_m_keeps_the_best_of_each_group(shape, n_m, data):
    n, m = n_m
    axis = data.draw(st.integers(0, len(shape) - 1))
    scores = np.abs(normal(shape))
    pattern = NM(n, m, axis=axis)
    mask = pattern.mask(scores, None)
    assert pattern.holds(mask)
    lines, kept = (np.moveaxis(a, axis, -1).reshape(-1, shape[axis]) for a in (scores, mask))
    for line, keep in zip(lines, kept, strict=True):
        for start in range(0, shape[axis], m):
            group, chosen = line[start : start + m], keep[start : start + m]
            count = n if group.size == m else -(-group.size * n // m)
            assert chosen.sum() == count
            assert set(np.flatnonzero(chosen)) == set(np.argsort(-group, kind="stable")[:count])
    assert mask.sum() == pattern.kept(shape, (0, 0))


@pytest.mark.parametrize("m", [4, 16])
def test_n_of_m_breaks_ties_by_index_in_both_ways_of_ranking(m):
    mask = NM(m // 2, m).mask(np.ones((m, 3)), None)
    assert mask[: m // 2].all()
    assert not mask[m // 2 :].any()


def test_n_of_m_runs_along_the_input_axis_it_is_given():
    scores = np.zeros((4, 8), np.float32)
    scores[:, :4] = 1  # a transposed kernel: [output, input]
    mask = NM(2, 4).mask(scores, None, axes=(1, 0))
    np.testing.assert_array_equal(mask.sum(axis=1), [4, 4, 4, 4])
    assert mask[:, :2].all()
    assert mask[:, 4:6].all()


@given(
    st.lists(st.integers(1, 7), min_size=2, max_size=4).map(tuple),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.sampled_from(["average", "max"]),
    st.floats(0, 0.95),
)
@settings(max_examples=60)
def test_blocks_are_whole_and_the_best(shape, block, pooling, sparsity):
    scores = np.abs(normal(shape))
    pattern = Block(block, pooling)
    axes = (len(shape) - 2, len(shape) - 1)
    mask = pattern.mask(scores, sparsity)
    pool = np.mean if pooling == "average" else np.max
    kept, dropped = [], []
    planes = scores.reshape(-1, *shape[-2:]), mask.reshape(-1, *shape[-2:])
    for plane, keep in zip(*planes, strict=True):
        for row in range(0, shape[-2], block[0]):
            for column in range(0, shape[-1], block[1]):
                tile = np.s_[row : row + block[0], column : column + block[1]]
                assert keep[tile].all() or not keep[tile].any()
                (kept if keep[tile].all() else dropped).append(pool(plane[tile]))
    assert len(kept) == kept_count(pattern.units(shape, axes), sparsity)
    assert not dropped or min(kept) >= max(dropped) - 1e-6


def test_block_follows_the_axes():
    scores = np.abs(normal((3, 3, 6, 4)))  # a transposed convolution: [h, w, output, input]
    straight = Block((4, 2)).mask(np.swapaxes(scores, 2, 3), 0.5)
    turned = Block((4, 2)).mask(scores, 0.5, axes=(3, 2))
    np.testing.assert_array_equal(np.swapaxes(straight, 2, 3), turned)


def test_channels_are_whole_and_ranked_by_their_norm():
    kernel = normal((3, 3, 4, 10))
    mask = Channels().mask(np.abs(kernel), 0.7)
    norms = np.abs(kernel).sum(axis=(0, 1, 2))
    kept = mask.all(axis=(0, 1, 2))
    assert (mask == kept).all()
    assert set(np.flatnonzero(kept)) == set(np.argsort(-norms)[:3])


@pytest.mark.parametrize("pattern", [Unstructured(), Block((2, 2)), NM(2, 4), Channels()])
def test_works_on_tensors_in_a_graph(pattern):
    scores = np.abs(normal((8, 6)))

    @tf.function
    def masked(tensor, sparsity):
        return pattern.mask(tensor, sparsity)

    mask = masked(tf.constant(scores), tf.constant(0.5))
    assert tf.is_tensor(mask)
    np.testing.assert_array_equal(mask, pattern.mask(scores, 0.5))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: NM(4, 4), "1 <= n < m"),
        (lambda: NM(2.0, 4), "two ints"),
        (lambda: NM(2, 4, ragged="pad"), "ragged must be"),
        (lambda: NM(2, 4, axis=5).mask(np.ones((4, 4)), None), "outside shape"),
        (lambda: NM(2, 4, ragged="skip").mask(np.ones((6, 4)), None), "4 does not divide the 6"),
        (lambda: Block((0, 1)), "two positive ints"),
        (lambda: Block((2, 2), "median"), "pooling must be"),
        (lambda: Block((2, 2)).mask(np.ones(4), 0.5), "rank 2 or more"),
        (lambda: Channels("sum"), "pooling must be"),
        (lambda: Channels().mask(np.ones(4), 0.5), "rank 2 or more"),
        (lambda: Unstructured(ties="random"), "ties must be"),
        (lambda: Unstructured().mask(np.ones(4), 1.5), r"sparsity must be in \[0, 1\]"),
        (lambda: Unstructured().mask(np.array([np.nan, 1.0]), 0.5), "NaN"),
        (lambda: Unstructured().mask(tf.constant([np.nan, 1.0]), 0.5), "NaN"),
    ],
)
def test_refused(act, message):
    with pytest.raises(PruningError, match=message):
        act()
