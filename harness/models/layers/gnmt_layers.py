"""The layers of GNMT. Sequences between them are time-major, [time, batch, units].

Embedding tables, LSTM kernels and the projection can be pruned; the attention and the biases
have no prunable weights, for they stay dense in Zhu & Gupta, https://arxiv.org/abs/1710.01878.
"""

from typing import Any

import keras
import tensorflow as tf

from harness.models.layers import cudnn
from harness.models.layers.recurrence import (
    Memory,
    State,
    attend,
    attending_lstm,
    gates,
    lstm,
    times,
)

PAD, BOS, EOS = 0, 2, 3  # as every text data set has them
ABSENT = -1e4  # added to a score, leaves nothing of its weight; small enough for float16

_register = keras.saving.register_keras_serializable(package="harness")


def uniform(limit: float = 0.1) -> keras.Initializer:
    """Initial weights uniform in ±limit; 0.1 is that of tensorflow/nmt."""
    return keras.initializers.RandomUniform(-limit, limit)


@tf.custom_gradient
def take_rows(table: Any, rows: Any) -> Any:
    """Rows of a matrix, with a gradient of the matrix's own shape.

    TensorFlow's gradient would be a list of rows, some of them several times. Optimizers that
    keep moments, norms over all gradients and pruning masks touch every row anyway.
    """

    def gradient(upstream: Any) -> Any:
        width = tf.shape(table)[-1]
        values, numbers = tf.reshape(upstream, [-1, width]), tf.reshape(rows, [-1])
        return tf.math.unsorted_segment_sum(values, numbers, tf.shape(table)[0]), None

    return tf.gather(table, rows), gradient


@_register
class Embed(keras.layers.Embedding):
    """Embeddings of ids [batch, time], time-major.

    Args:
        vocabulary: names the vocabulary whose ids these are (its sha256), so that a stored
            model tells which one it needs.
    """

    def __init__(self, *arguments: Any, vocabulary: str = "", **options: Any):
        super().__init__(*arguments, **{"embeddings_initializer": uniform(), **options})
        self.vocabulary = vocabulary

    def call(self, inputs: Any) -> Any:
        """[batch, time] ids to [time, batch, units]."""
        return take_rows(tf.convert_to_tensor(self.embeddings), tf.transpose(inputs))

    def look_up(self, ids: Any) -> Any:
        """[n] ids to [n, units]."""
        return tf.gather(tf.convert_to_tensor(self.embeddings), ids)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """[batch, time] to [time, batch, units]."""
        return (input_shape[1], input_shape[0], self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs."""
        return {**super().get_config(), "vocabulary": self.vocabulary}


class Lstm(keras.layers.Layer):
    """One LSTM over a sequence, with dropout on its inputs.

    Weights are those of `keras.layers.LSTM`: `kernel`, `recurrent_kernel`, `bias`, the forget
    gate's bias beginning at one. With a GPU, training steps take cuDNN's recurrence; whatever is
    measured or exported is of our own.

    Args:
        inputs: width of the inputs.
        units: width of the state.
        dropout: rate at which inputs are dropped, each step anew.
    """

    def __init__(self, inputs: int, units: int, dropout: float, **options: Any):
        super().__init__(**options)
        self.inputs, self.units = inputs, units
        self.by_cudnn = cudnn.chosen()
        self.dropout = keras.layers.Dropout(dropout, name="dropout")

    def build(self, *shapes: Any) -> None:
        """Creates the weights."""
        self.kernel = self.add_weight((self.inputs, 4 * self.units), uniform(), name="kernel")
        self.recurrent_kernel = self.add_weight(
            (self.units, 4 * self.units), uniform(), name="recurrent_kernel"
        )
        self.bias = self.add_weight((4 * self.units,), _forget_one, name="bias")
        self.dropout.build(None)
        self.built = True

    def prunable_weights(self) -> dict[str, tuple[int, int]]:
        """Both kernels, [inputs, gates]."""
        return {"kernel": (0, 1), "recurrent_kernel": (0, 1)}

    def call(
        self,
        x: Any,
        h: Any,
        c: Any,
        present: Any = None,
        training: bool = False,
        padding_first: bool = False,
    ) -> Any:
        """Runs over [time, batch, inputs].

        Args:
            x: the inputs.
            h: the output before the first step.
            c: the cell's state before the first step.
            present: 1 at a token, 0 at padding, [time, batch, 1].
            training: whether inputs are dropped.
            padding_first: whether padding stands before the tokens, not after them.

        Returns:
            All outputs, [time, batch, units], and the last `State`.
        """
        x = self.dropout(x, training=training)
        kernel, recurrent, bias = (
            _value(weight) for weight in (self.kernel, self.recurrent_kernel, self.bias)
        )
        if training and self.by_cudnn:
            return cudnn.lstm(x, kernel, recurrent, bias, State(h, c), present, padding_first)
        return lstm(times(x, kernel) + bias, recurrent, State(h, c), present)

    def step(self, x: Any, state: State) -> State:
        """One step of inference from [n, inputs]."""
        kernel = tf.concat([_value(self.kernel), _value(self.recurrent_kernel)], 0)
        sums = tf.matmul(tf.concat([x, state.h], -1), kernel) + _value(self.bias)
        return gates(sums, state.c)[1]


class Attention(keras.layers.Layer):
    """Normalised additive attention: g · v/|v| · tanh(memory + query + b).

    Bahdanau et al., https://arxiv.org/abs/1409.0473, normalised as in Salimans & Kingma,
    https://arxiv.org/abs/1602.07868.

    Args:
        units: of memory, query and score.
    """

    def __init__(self, units: int, **options: Any):
        super().__init__(**options)
        self.units = units

    def build(self, *shapes: Any) -> None:
        """Creates the weights."""
        square = (self.units, self.units)
        self.memory_kernel = self.add_weight(square, uniform(), name="memory_kernel")
        self.query_kernel = self.add_weight(square, uniform(), name="query_kernel")
        self.v = self.add_weight((self.units,), uniform(), name="v")
        scale = keras.initializers.Constant(self.units**-0.5)
        self.g = self.add_weight((), scale, name="g")
        self.b = self.add_weight((self.units,), "zeros", name="b")
        self.built = True

    def prunable_weights(self) -> dict[str, tuple[int, int]]:
        """None: they stay dense in the published scope."""
        return {}

    def memory(self, values: Any, source: Any) -> Memory:
        """What to attend to: encoder outputs [time, batch, units] of source ids [batch, time]."""
        values = tf.transpose(values, [1, 0, 2])
        keys = times(values, _value(self.memory_kernel)) + _value(self.b)
        bias = tf.where(source == PAD, tf.cast(ABSENT, values.dtype), tf.cast(0, values.dtype))
        return Memory(values, keys, bias)

    def direction(self) -> Any:
        """The scoring vector, g · v/|v|."""
        v = _value(self.v)
        return _value(self.g) * v * tf.math.rsqrt(tf.reduce_sum(v * v))


@_register
class Encoder(keras.layers.Layer):
    """A bidirectional LSTM, then LSTMs in one direction; residual from the third layer on.

    Args:
        depth: layers, at least 2.
        units: of each layer and direction.
        dropout: rate of each layer's inputs.
    """

    def __init__(self, depth: int, units: int, dropout: float, **options: Any):
        super().__init__(**options)
        self.depth, self.units, self.dropout = depth, units, dropout
        self.forwards = Lstm(units, units, dropout, name="layer_1_forward")
        self.backwards = Lstm(units, units, dropout, name="layer_1_backward")
        self.uppers = [
            Lstm(2 * units if number == 2 else units, units, dropout, name=f"layer_{number}")
            for number in range(2, depth + 1)
        ]

    def build(self, *shapes: Any) -> None:
        """Creates all layers' weights."""
        for layer in (self.forwards, self.backwards, *self.uppers):
            layer.build()
        self.built = True

    def call(self, embedded: Any, source: Any, training: bool = False) -> list[Any]:
        """Encodes [time, batch, units] of ids [batch, time].

        Returns:
            The outputs, [time, batch, units], then h and c of each layer after the last token
            (of the first layer: of its backward direction, as tensorflow/nmt has it).
        """
        present = tf.cast(tf.transpose(source) != PAD, embedded.dtype)[..., tf.newaxis]
        zero = tf.zeros([tf.shape(embedded)[1], self.units], embedded.dtype)
        ahead, _ = self.forwards(embedded, zero, zero, present, training=training)
        # Reversed, padding comes first, where the state stays at zero.
        back, state = self.backwards(
            embedded[::-1], zero, zero, present[::-1], training=training, padding_first=True
        )
        states = [*state]
        x = tf.concat([ahead, back[::-1]], axis=-1)
        for number, layer in enumerate(self.uppers, start=2):
            y, state = layer(x, zero, zero, present, training=training)
            states += state
            x = x + y if number > 2 else y
        return [x, *states]

    def compute_output_shape(self, embedded_shape: Any, source_shape: Any) -> list[Any]:
        """As `call` returns them."""
        time, batch, _ = embedded_shape
        return [(time, batch, self.units)] + [(batch, self.units)] * (2 * self.depth)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs."""
        return {**super().get_config(), **_shape_of(self)}


@_register
class Decoder(keras.layers.Layer):
    """LSTMs of which the bottom one asks the attention, whose answer feeds all others.

    The bottom layer's input is the word and the context before; its output is the query, and
    the context that this gives is concatenated to the input of every layer above. These run
    over whole sequences, once all contexts are known: only the bottom layer takes turns with
    the attention. Residual from the third layer on, without the context.

    Args:
        depth: layers, at least 2.
        units: of each layer and of the attention.
        dropout: rate of each layer's inputs.
    """

    def __init__(self, depth: int, units: int, dropout: float, **options: Any):
        super().__init__(**options)
        self.depth, self.units, self.dropout = depth, units, dropout
        self.attention = Attention(units, name="attention")
        self.bottom = Lstm(2 * units, units, dropout, name="layer_1")
        self.uppers = [
            Lstm(2 * units, units, dropout, name=f"layer_{number}")
            for number in range(2, depth + 1)
        ]

    def build(self, *shapes: Any) -> None:
        """Creates all layers' weights."""
        layers: list[Any] = [self.attention, self.bottom, *self.uppers]
        for layer in layers:
            layer.build()
        self.built = True

    def call(
        self, embedded: Any, values: Any, source: Any, states: list[Any], training: bool = False
    ) -> Any:
        """Decodes known words.

        Args:
            embedded: of the words, [time, batch, units].
            values: the encoder's outputs, [source time, batch, units].
            source: ids, [batch, source time].
            states: h and c of each of the encoder's layers.
            training: whether inputs are dropped.

        Returns:
            The top layer's outputs, [time, batch, units].
        """
        memory = self.attention.memory(values, source)
        bottom, kernel = self.bottom, _value(self.bottom.kernel)
        x = bottom.dropout(embedded, training=training)
        projected = times(x, kernel[: self.units]) + _value(bottom.bias)
        drop = None
        if training and self.dropout:
            drop = bottom.dropout(tf.ones_like(embedded), training=True)
        x, contexts = attending_lstm(
            projected,
            tf.concat([_value(bottom.recurrent_kernel), kernel[self.units :]], 0),
            _value(self.attention.query_kernel),
            self.attention.direction(),
            memory,
            State(*states[:2]),
            drop,
        )
        for number, layer in enumerate(self.uppers, start=2):
            h, c = states[2 * number - 2 : 2 * number]
            y, _ = layer(tf.concat([x, contexts], -1), h, c, training=training)
            x = x + y if number > 2 else y
        return x

    def step(
        self, embedded: Any, memory: Memory, states: list[Any], context: Any
    ) -> tuple[Any, list[Any], Any]:
        """One step of inference for n rows, each with a memory of its own.

        Args:
            embedded: of the words before, [n, units].
            memory: `attention.memory`, a row for each of the n.
            states: h and c of each layer, [n, units].
            context: the context before, [n, units].

        Returns:
            The top layer's output, the new states, the new context.
        """
        state = self.bottom.step(tf.concat([embedded, context], -1), State(*states[:2]))
        query = tf.matmul(state.h, _value(self.attention.query_kernel))
        _, context = attend(memory, query, self.attention.direction())
        x, after = state.h, [*state]
        for number, layer in enumerate(self.uppers, start=2):
            before = State(*states[2 * number - 2 : 2 * number])
            state = layer.step(tf.concat([x, context], -1), before)
            after += state
            x = x + state.h if number > 2 else state.h
        return x, after, context

    def compute_output_shape(
        self, embedded_shape: Any, values_shape: Any, source_shape: Any, states_shape: Any
    ) -> Any:
        """[time, batch, units]."""
        return (*embedded_shape[:2], self.units)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs."""
        return {**super().get_config(), **_shape_of(self)}


@_register
class AtTokens(keras.layers.Layer):
    """The rows of a sequence at which a word is to be predicted, one after the other.

    What stands at padding costs no logits then. Rows come in the order of the ids,
    [batch, time].
    """

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.supports_jit = False  # how many rows there are depends on the words

    def call(self, x: Any, ids: Any) -> Any:
        """[time, batch, units] and ids [batch, time] to [tokens, units]."""
        where = tf.where(ids != PAD)
        rows = where[:, 1] * tf.shape(ids, tf.int64)[0] + where[:, 0]
        return take_rows(tf.reshape(x, [-1, x.shape[-1]]), rows)

    def compute_output_shape(self, x_shape: Any, ids_shape: Any) -> Any:
        """[tokens, units]."""
        return (None, x_shape[-1])


def _value(variable: Any) -> Any:
    return tf.convert_to_tensor(variable)


def _shape_of(layer: Any) -> dict[str, Any]:
    return {"depth": layer.depth, "units": layer.units, "dropout": layer.dropout}


def _forget_one(shape: Any, dtype: Any = None) -> Any:
    units = shape[0] // 4
    parts = [keras.ops.zeros(units, dtype), keras.ops.ones(units, dtype)]
    return keras.ops.concatenate([*parts, keras.ops.zeros(2 * units, dtype)])
