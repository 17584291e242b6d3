"""What translation minimizes, against formulas written out."""

import numpy as np
import pytest
import tensorflow as tf

from harness.training import objective

LABELS = np.array([[5, 3, 0], [2, 4, 3]])
WORDS = [5, 3, 2, 4, 3]


@pytest.fixture
def logits():
    return np.random.default_rng(1).normal(size=(5, 7)).astype(np.float32)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def test_words_are_summed_and_sentences_averaged(logits):
    nats = -log_softmax(logits)[range(5), WORDS]
    loss = objective.words(0.0).loss(LABELS.astype(np.float32), logits)
    assert float(loss) == pytest.approx(nats.sum() / 2, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_smoothing_and_its_gradient(logits, smoothing):
    target = (1 - smoothing) * np.eye(7)[WORDS] + smoothing / 7
    x = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(x)
        nats = objective.cross_entropy(LABELS, x, smoothing)
        total = tf.reduce_sum(nats * [1.0, 2.0, 3.0, 4.0, 5.0])
    np.testing.assert_allclose(nats, -(target * log_softmax(logits)).sum(-1), rtol=1e-5)
    slope = np.exp(log_softmax(logits)) - target
    expected = slope * np.array([[1], [2], [3], [4], [5]])
    np.testing.assert_allclose(tape.gradient(total, x), expected, atol=1e-6)


def test_a_word_that_the_model_rules_out_costs_what_its_logit_says():
    """Far below where float32 has a share of it at all."""
    logits = np.zeros((5, 7), np.float32)
    logits[range(5), WORDS] = -1000.0
    nats = objective.cross_entropy(LABELS, tf.constant(logits), 0.1)
    target = 0.9 * np.eye(7)[WORDS] + 0.1 / 7
    expected = np.log(6.0) - (target * logits).sum(-1)
    np.testing.assert_allclose(nats, expected, rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_logit_that_is_no_number_is_seen_in_the_loss(logits, smoothing):
    logits[2, 6] = np.nan
    nats = objective.cross_entropy(LABELS, tf.constant(logits), smoothing).numpy()
    assert np.isnan(nats[2])
    assert np.isfinite(nats[[0, 1, 3, 4]]).all()


def test_word_accuracy_counts_words():
    [metric] = objective.words(0.0).metrics
    logits = np.zeros((5, 7), np.float32)
    logits[range(5), [5, 3, 2, 6, 6]] = 1.0
    metric.update_state(LABELS, logits)
    assert float(metric.result()) == pytest.approx(3 / 5)
    metric.update_state(np.array([[6]]), logits[3:4])
    assert float(metric.result()) == pytest.approx(4 / 6)
