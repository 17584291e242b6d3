"""Selection is exact: against a stable sort, in NumPy and in the graph."""

import time

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.pruning.threshold import keep_largest, kept_count, kept_count_in_graph

# Denormals are flushed to zero by TensorFlow's kernels, so they tie with zero there.
FLOATS = st.one_of(
    st.sampled_from(np.float32([0.0, -0.0, 0.5, -0.5, 1.0, np.inf, -np.inf, 3e38, 1e-30])),
    st.floats(-100, 100, width=32, allow_subnormal=False),
)


def by_sorting(scores, kept):
    mask = np.zeros(scores.size, bool)
    mask[np.argsort(-scores, kind="stable")[:kept]] = True
    return mask


@given(arrays(np.float32, st.integers(1, 80), elements=FLOATS), st.data())
def test_equals_a_stable_sort(scores, data):
    kept = data.draw(st.integers(1, scores.size))
    wanted = by_sorting(scores, kept)
    np.testing.assert_array_equal(keep_largest(scores, kept), wanted)
    np.testing.assert_array_equal(keep_largest(tf.constant(scores), kept), wanted)
    with_ties = scores >= scores[wanted].min()
    np.testing.assert_array_equal(keep_largest(scores, kept, "keep"), with_ties)
    np.testing.assert_array_equal(keep_largest(tf.constant(scores), kept, "keep"), with_ties)


@pytest.mark.parametrize("size", [10_000, 300_000])
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.99])
def test_large_tensors(size, sparsity):
    scores = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    scores[::7] = scores[0]  # many ties
    kept = max(1, round(size * (1 - sparsity)))
    mask = keep_largest(tf.constant(scores), kept).numpy()
    np.testing.assert_array_equal(mask, by_sorting(scores, kept))


def test_no_more_are_kept_than_there_are():
    size = 2**24 + 3  # float32 rounds it up, to 2**24 + 4
    for sparsity in (0.0, 1e-9):
        assert kept_count(size, sparsity) == size
        assert int(kept_count_in_graph(size, sparsity)) == size


@pytest.mark.slow
def test_time_is_linear_and_far_below_sorting():
    def seconds(size):
        scores = tf.random.stateless_uniform([size], [1, 2])
        best = np.inf
        for _ in range(4):
            start = time.perf_counter()
            keep_largest(scores, size // 2).numpy()
            best = min(best, time.perf_counter() - start)
        return best

    small, large = seconds(1_000_000), seconds(32_000_000)
    assert large < 32 * small * 2
    scores = tf.random.stateless_uniform([8_000_000], [1, 2])
    start = time.perf_counter()
    tf.math.top_k(scores, 4_000_000)[0].numpy()
    assert seconds(8_000_000) * 10 < time.perf_counter() - start
