"""What a search for translations asks: a sentence encoded, and what may come after a word.

Of a Keras model, or of a TensorFlow Lite file, whose interpreter the search's graph then calls.
"""

from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from harness.export.stepwise import Stepper
from harness.models.layers.plain import plain
from harness.models.layers.recurrence import Memory


class Steps(Protocol):
    """A translation model, as TensorFlow functions."""

    def begin(self, source: Any) -> tuple[Memory, list[Any]]:
        """What is known of sentences, ids [batch, time] padded with 0.

        Returns:
            What to attend to, and h and c of each of the decoder's layers, [batch, units].
        """

    def step(
        self, word: Any, memory: Memory, states: list[Any], context: Any
    ) -> tuple[Any, list[Any], Any]:
        """What may come after the words [n], each row with a memory of its own.

        Returns:
            Logits of the next word [n, vocabulary] or anything else whose softmax is the same,
            float32; the states and the context after.
        """

    def known(self, source: Any, target: Any) -> Any:
        """Such logits at each word of known translations, [tokens, vocabulary]."""


class ModelSteps:
    """Of a model from `harness.models.gnmt`.

    What is searched is its copy in float32, as `plain` stores it, whatever it was trained in.
    """

    def __init__(self, model: Any):
        self._model, self._plain = model, plain(model)

    def begin(self, source: Any) -> tuple[Memory, list[Any]]:
        """See `Steps`."""
        layer = self._plain.get_layer
        embedded = layer("source_embedding")(source)
        values, *states = layer("encoder")(embedded, source, training=False)
        return layer("decoder").attention.memory(values, source), states

    def step(
        self, word: Any, memory: Memory, states: list[Any], context: Any
    ) -> tuple[Any, list[Any], Any]:
        """See `Steps`."""
        layer = self._plain.get_layer
        embedded = layer("target_embedding").look_up(word)
        said, states, context = layer("decoder").step(embedded, memory, states, context)
        logits = tf.matmul(said, tf.convert_to_tensor(layer("projection").kernel))
        return tf.cast(logits, tf.float32), states, context

    def known(self, source: Any, target: Any) -> Any:
        """See `Steps`; of the model as it was trained."""
        return self._model((source, target), training=False)


class FileSteps:
    """Of a TensorFlow Lite file."""

    def __init__(self, file: Stepper):
        self._file = file

    def begin(self, source: Any) -> tuple[Memory, list[Any]]:
        """See `Steps`."""
        units = self._file.units
        shapes = [[None, None, units]] * 2 + [[None, None]] + self._states()
        values, keys, bias, *states = _called(self._file.begin, [source], shapes)
        return Memory(values, keys, bias), states

    def step(
        self, word: Any, memory: Memory, states: list[Any], context: Any
    ) -> tuple[Any, list[Any], Any]:
        """See `Steps`."""
        shapes = [[None, self._file.vocabulary], [None, self._file.units], *self._states()]
        given = [word, *memory, context, *states]
        told, context, *states = _called(self._file.step, given, shapes)
        return told, states, context

    def known(self, source: Any, target: Any) -> Any:
        """See `Steps`."""
        shape = [None, self._file.vocabulary]
        (told,) = _called(lambda *pair: [self._file(pair)], [source, target], [shape])
        return told

    def _states(self) -> list[list[int | None]]:
        return [[None, self._file.units]] * self._file.states


def _called(function: Callable[..., Any], inputs: list[Any], shapes: list[Any]) -> list[Any]:
    """A function of NumPy's arrays within a graph."""
    found: list[Any] = tf.numpy_function(function, inputs, [tf.float32] * len(shapes))
    for one, shape in zip(found, shapes, strict=True):
        one.set_shape(shape)
    return found
