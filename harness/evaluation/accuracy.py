"""Top-1 accuracy and cross-entropy of a classifier."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Accuracy:
    """How well a classifier does on a data set.

    Attributes:
        loss: Mean cross-entropy in nats, without label smoothing.
        accuracy: Share of examples whose highest logit is the label's, in [0, 1].
        examples: How many there were.
        predictions: Class predicted for each example, int64 [examples], in the data's order.
        labels: Class of each example, int64 [examples].
    """

    loss: float
    accuracy: float
    examples: int
    predictions: np.ndarray
    labels: np.ndarray

    def metrics(self, prefix: str) -> dict[str, float]:
        """The two numbers by name: `<prefix>/loss` and `<prefix>/accuracy`."""
        return {f"{prefix}/loss": self.loss, f"{prefix}/accuracy": self.accuracy}


def evaluate(model: Any, dataset: Any) -> Accuracy:
    """Runs a classifier over a finite data set, each example once.

    Among equal logits the lowest class counts as predicted, so that a model which tells
    nothing apart is not credited with every label.

    Args:
        model: A `keras.Model` from inputs to logits [batch, classes]; need not be compiled.
        dataset: `tf.data.Dataset` of (inputs, integer labels [batch]).

    Raises:
        ValueError: If the data set is empty.

    Example:
        >>> result = evaluate(model, data.test(batch_size=128))
        >>> result.metrics("test")
        {'test/loss': 0.0712, 'test/accuracy': 0.978}
    """
    import tensorflow as tf

    # One trace for all batches: the signature leaves open what the data set does, such as
    # the size of the last batch.
    forward = tf.function(
        lambda inputs: model(inputs, training=False), input_signature=[dataset.element_spec[0]]
    )
    return evaluate_function(forward, dataset)


def evaluate_function(forward: Callable[[Any], Any], dataset: Any) -> Accuracy:
    """As `evaluate`, for any function from a batch of inputs to logits: a converted model's.

    Raises:
        ValueError: If the data set is empty.
    """
    logits, labels = [], []
    for inputs, truth in dataset:
        logits.append(np.asarray(forward(inputs), np.float64))
        labels.append(np.asarray(truth, np.int64))
    if not labels:
        raise ValueError("nothing to evaluate: the data set is empty")
    scores, truths = np.concatenate(logits), np.concatenate(labels)
    predictions = scores.argmax(axis=-1)
    return Accuracy(
        loss=float(_cross_entropy(scores, truths).mean()),
        accuracy=float((predictions == truths).mean()),
        examples=len(truths),
        predictions=predictions,
        labels=truths,
    )


def _cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    true = np.take_along_axis(shifted, labels[:, None], axis=-1)[:, 0]
    return np.log(np.exp(shifted).sum(axis=-1)) - true
