"""Accuracy and loss against what can be worked out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.tasks.scores.accuracy import evaluate
from harness.training.objective import make_loss


class Identity(keras.Model):
    """Gives its inputs as logits, and fails if it is run as in training."""

    def call(self, inputs, training=False):
        assert not training
        return inputs


def dataset(logits, labels, batch_size=2):
    arrays = (np.asarray(logits, np.float32), np.asarray(labels))
    return tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size)


def test_by_hand():
    logits = np.log([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.1, 0.8, 0.1]])
    result = evaluate(Identity(), dataset(logits, [0, 1, 1]))
    assert result.accuracy == pytest.approx(2 / 3)
    assert result.loss == pytest.approx(-np.mean(np.log([0.7, 0.3, 0.8])), rel=1e-6)
    assert result.examples == 3
    assert result.predictions.tolist() == [0, 2, 1]
    assert result.labels.tolist() == [0, 1, 1]
    assert result.metrics("test") == {"test/loss": result.loss, "test/accuracy": result.accuracy}


def test_top_5_by_hand():
    logits = np.zeros((4, 7))
    logits[0] = [7, 6, 5, 4, 3, 2, 1]  # label 4 is the fifth, label 5 the sixth
    logits[1] = logits[0]
    logits[3] = np.nan
    # In the third all are equal: the five lowest classes come first. NaN earns nothing.
    for labels, expected in (([4, 5, 4, 0], 0.5), ([0, 6, 5, 6], 0.25)):
        result = evaluate(Identity(), dataset(logits, labels))
        assert result.top5_accuracy == expected
        assert result.metrics("test")["test/top5_accuracy"] == expected
    top5 = keras.metrics.SparseTopKCategoricalAccuracy(5)
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(50, 20)), rng.integers(0, 20, 50)
    top5.update_state(labels, logits.astype(np.float32))
    assert evaluate(Identity(), dataset(logits, labels)).top5_accuracy == pytest.approx(
        float(top5.result())
    )


def test_a_short_last_batch_counts_each_example_once():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(7, 4)), rng.integers(0, 4, 7)
    results = [evaluate(Identity(), dataset(logits, labels, size)) for size in (1, 3, 7)]
    for result in results[1:]:
        assert (result.loss, result.accuracy) == (results[0].loss, results[0].accuracy)


def test_the_loss_is_that_of_training_without_smoothing():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(50, 4)) * 3, rng.integers(0, 4, 50)
    expected = float(np.mean(make_loss(0.0)(labels, logits.astype(np.float32))))
    assert evaluate(Identity(), dataset(logits, labels)).loss == pytest.approx(expected, rel=1e-5)


def test_a_model_that_tells_nothing_apart_is_not_credited():
    result = evaluate(Identity(), dataset(np.zeros((10, 5)), np.arange(10) % 5))
    assert result.accuracy == 0.2
    assert result.loss == pytest.approx(np.log(5))


def test_large_logits_do_not_overflow():
    result = evaluate(Identity(), dataset([[1e4, 0.0], [1e4, 0.0]], [0, 1]))
    assert result.loss == pytest.approx(5e3)


def test_nothing_to_evaluate_is_refused():
    empty = tf.data.Dataset.from_tensor_slices((np.zeros((0, 2), np.float32), np.zeros(0)))
    with pytest.raises(ValueError, match="the data set is empty"):
        evaluate(Identity(), empty.batch(2))
