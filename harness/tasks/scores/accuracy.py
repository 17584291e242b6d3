"""Top-1 and top-5 accuracy and cross-entropy of a classifier."""

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
        top5_accuracy: Share of examples whose label is among the five highest logits, in
            [0, 1]; None where there are no more than five classes.
    """

    loss: float
    accuracy: float
    examples: int
    predictions: np.ndarray
    labels: np.ndarray
    top5_accuracy: float | None = None

    def metrics(self, prefix: str) -> dict[str, float]:
        """The numbers by name: `<prefix>/loss`, `/accuracy`, and `/top5_accuracy` if any."""
        metrics = {f"{prefix}/loss": self.loss, f"{prefix}/accuracy": self.accuracy}
        if self.top5_accuracy is not None:
            metrics[f"{prefix}/top5_accuracy"] = self.top5_accuracy
        return metrics


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
        {'test/loss': 0.0712, 'test/accuracy': 0.978, 'test/top5_accuracy': 0.999}
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
    losses, predictions, ranks, labels = [], [], [], []
    classes = 0
    for inputs, truth in dataset:
        logits = np.asarray(forward(inputs), np.float64)
        labels.append(np.asarray(truth, np.int64))
        losses.append(_cross_entropy(logits, labels[-1]))
        predictions.append(logits.argmax(axis=-1))
        ranks.append(_rank(logits, labels[-1]))
        classes = logits.shape[-1]
    if not labels:
        raise ValueError("nothing to evaluate: the data set is empty")
    truths, predicted = np.concatenate(labels), np.concatenate(predictions)
    return Accuracy(
        loss=float(np.concatenate(losses).mean()),
        accuracy=float((predicted == truths).mean()),
        examples=len(truths),
        predictions=predicted,
        labels=truths,
        top5_accuracy=float((np.concatenate(ranks) < 5).mean()) if classes > 5 else None,
    )


def _rank(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many classes come before the label's: higher logits, lower classes of equal logits."""
    true = np.take_along_axis(logits, labels[:, None], axis=-1)
    not_before = (logits == true) & (np.arange(logits.shape[-1]) >= labels[:, None])
    before = ~((logits < true) | not_before)  # NaN comes before: it earns no label a place
    return np.asarray(before.sum(axis=-1))


def _cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    true = np.take_along_axis(shifted, labels[:, None], axis=-1)[:, 0]
    return np.log(np.exp(shifted).sum(axis=-1)) - true
