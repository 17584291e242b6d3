"""What training minimizes and watches: a loss and metrics for each kind of task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PAD = 0  # the id of padding in every text data set


@dataclass(frozen=True)
class Objective:
    """For `keras.Model.compile`.

    Attributes:
        loss: A function of (labels, logits), or a Keras loss.
        metrics: Keras metrics, new ones: they keep counts.
    """

    loss: Any
    metrics: Sequence[Any]


def make_loss(label_smoothing: float) -> Any:
    """Cross-entropy from logits against integer labels, smoothed if asked.

    Smoothing mixes the true class with the uniform distribution
    (Szegedy et al., https://arxiv.org/abs/1512.00567, section 7).
    """
    import keras

    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if not label_smoothing:
        return plain

    def smoothed(labels: Any, logits: Any) -> Any:
        uniform = -keras.ops.mean(keras.ops.log_softmax(logits), axis=-1)
        return (1.0 - label_smoothing) * plain.call(labels, logits) + label_smoothing * uniform

    return smoothed


def classification(label_smoothing: float) -> Objective:
    """`make_loss`, and the share of examples whose class is found."""
    import keras

    accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    return Objective(make_loss(label_smoothing), [accuracy])


def words(label_smoothing: float) -> Objective:
    """Cross-entropy of every word, summed over a batch and divided by its sentences.

    Of sentences, not of words: so tensorflow/nmt (https://github.com/tensorflow/nmt) has it,
    and its learning rate and its clipping are made for gradients of this size.

    Labels are ids [batch, time] padded with 0; logits come for the words alone, [words,
    vocabulary], as `harness.models.gnmt` gives them.
    """
    import tensorflow as tf

    def loss(labels: Any, logits: Any) -> Any:
        nats = cross_entropy(labels, logits, label_smoothing)
        return tf.reduce_sum(nats) / tf.cast(tf.shape(labels)[0], nats.dtype)

    return Objective(loss, [_word_accuracy()])


def cross_entropy(labels: Any, logits: Any, label_smoothing: float = 0.0) -> Any:
    """Nats of each word, [words], in float32.

    Args:
        labels: Ids [batch, time], 0 for padding.
        logits: Of the words that are no padding, [words, vocabulary].
        label_smoothing: Mixes the true word with the uniform distribution.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def plain(logits: Any, true: Any) -> Any:
        nats, slope = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=true)
        return nats, lambda upstream: (slope * upstream[:, tf.newaxis], None)

    @tf.custom_gradient
    def smoothed(logits: Any, true: Any) -> Any:
        # One softmax, by oneDNN where there is one, serves the loss and its gradient: autodiff of
        # the two terms would compute two, and with the sparse operation above both take three times
        # as long on a processor.
        shares = tf.nn.softmax(logits)
        places = tf.stack([tf.range(tf.size(true)), true], axis=1)
        # from the likeliest word, whose share is at least 1 / size: no logarithm of a zero
        normalizer = tf.reduce_max(logits, axis=-1) - tf.math.log(tf.reduce_max(shares, axis=-1))
        said = tf.gather_nd(logits, places)
        mean = tf.reduce_mean(logits, axis=-1)
        nats = normalizer - (1.0 - label_smoothing) * said - label_smoothing * mean

        def gradient(upstream: Any) -> Any:
            uniform = label_smoothing / tf.cast(tf.shape(logits)[1], logits.dtype)
            told = tf.fill(tf.shape(true), tf.cast(label_smoothing - 1.0, logits.dtype))
            mixed = tf.tensor_scatter_nd_add(shares - uniform, places, told)
            return mixed * upstream[:, tf.newaxis], None

        return nats, gradient

    chosen = smoothed if label_smoothing else plain
    return chosen(tf.cast(logits, tf.float32), spoken(labels))


def spoken(labels: Any) -> Any:
    """The ids that are no padding, int32 [words], in the order of the labels."""
    import tensorflow as tf

    ids = tf.cast(labels, tf.int32)  # Keras hands labels to losses as floats
    return tf.boolean_mask(ids, tf.not_equal(ids, PAD))


def _word_accuracy() -> Any:
    import keras
    import tensorflow as tf

    class WordAccuracy(keras.metrics.Mean):
        """Share of words whose logit no other word exceeds."""

        def update_state(self, labels: Any, logits: Any, sample_weight: Any = None) -> Any:
            """Counts a batch; comparing with the maximum is cheaper than looking for it."""
            true = tf.gather(logits, spoken(labels), batch_dims=1)
            return super().update_state(tf.cast(true >= tf.reduce_max(logits, -1), tf.float32))

    return WordAccuracy(name="word_accuracy")
