"""Selection among many scores: the sampled bracket changes the time and not the choice."""

import numpy as np
import pytest
import tensorflow as tf

from harness.pruning import threshold

SIZE = 8 * threshold._SAMPLE + 12345
STRIDE = SIZE // threshold._SAMPLE // 2 * 2 + 1


def misleading():
    # What the sample visits is large, all else small: the bracket misses the threshold.
    scores = np.random.default_rng(1).uniform(0, 1, SIZE)
    scores[::STRIDE] += 10
    return scores


KINDS = {
    "normal": lambda random: random.normal(size=SIZE),
    "magnitudes": lambda random: np.abs(random.normal(size=SIZE)),
    "few values": lambda random: np.round(random.normal(size=SIZE) * 8) / 8,
    "mostly zero": lambda random: np.maximum(random.normal(size=SIZE) - 1.5, 0),
    "constant": lambda random: np.full(SIZE, 0.5),
    "sorted": lambda random: np.sort(random.normal(size=SIZE)),
    "misleading": lambda random: misleading(),
}


@pytest.mark.parametrize("ties", threshold.TIES)
@pytest.mark.parametrize("kind", KINDS)
def test_equals_a_full_partition(kind, ties):
    scores = KINDS[kind](np.random.default_rng(0)).astype(np.float32)
    for kept in (1, SIZE // 1000, SIZE // 5, SIZE // 2, SIZE - 1, SIZE):
        expected = threshold.keep_largest(scores, kept, ties)
        found = threshold.keep_largest(tf.constant(scores), kept, ties).numpy()
        np.testing.assert_array_equal(found, expected)


def test_misleading_sample_is_noticed():
    # Or the case above would show nothing: the bracket of its sample is far off.
    scores = misleading()
    sample = np.sort(scores[::STRIDE])
    kept = SIZE // 2
    assert sample[0] > np.partition(scores, SIZE - kept)[SIZE - kept]
