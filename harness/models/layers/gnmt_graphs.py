"""GNMT as two graphs that need no Keras: the encoding of a sentence, and one step of the decoder.

Their weights are constants, so that a runtime can store them as it likes. A sentence is encoded
alone, without padding; a step is for any number of hypotheses, each with the sentence that it
translates, padded or not. The two share no weights: either side has an embedding of its own, and
the projection is another matrix than both.
"""

from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from harness.models.gnmt import ENCODE, STEP
from harness.models.layers.gnmt_layers import Decoder, Encoder
from harness.models.layers.recurrence import Memory, State, gates, times

#: What they take and give; `state_0`, `state_1`, … are h and c of each layer.
SOURCE, WORD, LOG_PROBABILITIES = "source", "word", "log_probabilities"
MEMORY, CONTEXT, STATE = ("values", "keys", "bias"), "context", "state_"


def takes_turns(model: Any) -> bool:
    """Whether a model is GNMT: an encoder, and a decoder that goes word by word."""
    kinds = {type(layer) for layer in model.layers}
    return {Encoder, Decoder} <= kinds


class Graphs:
    """The graphs of a model, as TensorFlow functions.

    Args:
        model: from `harness.models.gnmt`, in float32.
    """

    def __init__(self, model: Any):
        layer = model.get_layer
        self._of_encode = [layer("source_embedding"), layer("encoder"), layer("decoder").attention]
        self._of_step = [layer(name) for name in ("target_embedding", "decoder", "projection")]
        decoder = layer("decoder")
        self._depth, self._units = decoder.depth, decoder.units

    def signatures(self) -> dict[str, Any]:
        """Both, by name, as `tf.saved_model.save` takes them."""
        source = tf.TensorSpec([1, None], tf.int32, SOURCE)
        rows = [tf.TensorSpec([None], tf.int32, WORD)]
        shapes = [[None, None, self._units]] * 2 + [[None, None]]
        rows += [
            tf.TensorSpec(shape, name=name) for name, shape in zip(MEMORY, shapes, strict=True)
        ]
        states = [f"{STATE}{number}" for number in range(2 * self._depth)]
        rows += [tf.TensorSpec([None, self._units], name=name) for name in (CONTEXT, *states)]
        return {
            ENCODE: tf.function(self.encode, input_signature=[source], autograph=False),
            STEP: tf.function(self.step, input_signature=rows, autograph=False),
        }

    def encode(self, source: Any) -> dict[str, Any]:
        """What a decoder needs to know of a sentence.

        Args:
            source: ids, [1, time], one or more and none of them padding.

        Returns:
            What it attends to (`Memory`), a row for the sentence; the states that it begins
            with, [1, units].
        """
        embedding, encoder, attention = self._of_encode
        with _constant(self._of_encode):
            x = embedding.look_up(source[0])[:, tf.newaxis]
            ahead, _ = _over(encoder.forwards, x)
            back, state = _over(encoder.backwards, x, backward=True)
            x, states = tf.concat([ahead, back], axis=-1), [*state]
            for number, layer in enumerate(encoder.uppers, start=2):
                y, state = _over(layer, x)
                states += state
                x = x + y if number > 2 else y
            memory = attention.memory(x, source)
        return {**dict(zip(MEMORY, memory, strict=True)), **_named(states)}

    def step(
        self, word: Any, values: Any, keys: Any, bias: Any, context: Any, *states: Any
    ) -> dict[str, Any]:
        """What may come after a word, for n hypotheses.

        Args:
            word: the last ones, [n].
            values: `Memory.values` of each one's sentence, [n, source, units].
            keys: `Memory.keys`, [n, source, units].
            bias: `Memory.bias`, [n, source].
            context: the one before, zeros at first, [n, units].
            states: h and c of each layer, [n, units].

        Returns:
            The next word's log-probabilities, [n, vocabulary]; the context and the states after.
        """
        embedding, decoder, projection = self._of_step
        with _constant(self._of_step):
            memory = Memory(values, keys, bias)
            said, after, context = decoder.step(
                embedding.look_up(word), memory, list(states), context
            )
            logits = tf.matmul(said, tf.convert_to_tensor(projection.kernel))
        told = {LOG_PROBABILITIES: tf.nn.log_softmax(logits), CONTEXT: context}
        return {**told, **_named(after)}


def _named(states: Iterable[Any]) -> dict[str, Any]:
    return {f"{STATE}{number}": state for number, state in enumerate(states)}


def _constant(layers: Iterable[Any]) -> Any:
    """A block in which the layers' weights are constants of the graph that is traced."""
    weights = [weight for layer in layers for weight in layer.weights]
    with tf.init_scope():  # out of the graph, where variables have no values
        values = [weight.numpy() for weight in weights]
    return keras.StatelessScope(
        [(weight, tf.constant(value)) for weight, value in zip(weights, values, strict=True)]
    )


def _over(layer: Any, x: Any, backward: bool = False) -> tuple[Any, State]:
    """Runs an LSTM over one sentence, [time, 1, inputs]: outputs in its order, last state.

    The loop has shapes that are known, which the converter to TensorFlow Lite asks for, and
    nothing that only a gradient needs.
    """
    recurrent = tf.convert_to_tensor(layer.recurrent_kernel)
    projected = times(x, tf.convert_to_tensor(layer.kernel)) + tf.convert_to_tensor(layer.bias)
    steps, shape = tf.shape(x)[0], [1, layer.units]

    def step(t: Any, state: State, outputs: Any) -> Any:
        _, state = gates(projected[t] + tf.matmul(state.h, recurrent), state.c)
        return t - 1 if backward else t + 1, state, outputs.write(t, state.h)

    begin = (
        steps - 1 if backward else tf.constant(0),
        State(tf.zeros(shape), tf.zeros(shape)),
        tf.TensorArray(tf.float32, steps, element_shape=shape),
    )
    _, state, outputs = tf.while_loop(lambda t, *_: t >= 0 if backward else t < steps, step, begin)
    return outputs.stack(), state
