"""The two recurrences of GNMT over whole sequences, with gradients written by hand.

Only what depends on the step before is computed step by step: the projections of the inputs
are made for all steps in one multiplication before, and the weights' gradients in one after.
TensorFlow's own gradient of such a loop would multiply and add up a gradient of the weights'
size at every step, and keep what every operation of a step gave. Everything is time-major,
[time, batch, …]; gates are in Keras' order: input, forget, candidate, output.
"""

from typing import Any, NamedTuple

import tensorflow as tf


class State(NamedTuple):
    """What an LSTM carries from step to step: its output and its cell, each [batch, units]."""

    h: Any
    c: Any


def gates(sums: Any, c: Any) -> tuple[Any, State]:
    """One step of an LSTM after its multiplications.

    Args:
        sums: the four gates before their nonlinearities, [batch, 4 · units].
        c: the cell's state before.

    Returns:
        The gates, [batch, 4 · units], and the state after.
    """
    i, f, g, o = tf.split(sums, 4, axis=-1)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    c = f * c + i * g
    return tf.concat([i, f, g, o], axis=-1), State(o * tf.tanh(c), c)


def lstm(projected: Any, recurrent: Any, initial: State, mask: Any) -> tuple[Any, State]:
    """Runs an LSTM over a sequence.

    Args:
        projected: the inputs times their kernel, plus the bias, [time, batch, 4 · units].
        recurrent: the recurrent kernel, [units, 4 · units].
        initial: the state before the first step.
        mask: 1 at a token and 0 at padding, [time, batch, 1]: there the state stays. None
            where there is no padding, or nobody looks at what follows it.

    Returns:
        The outputs of all steps, [time, batch, units], and the last state.
    """
    masked = mask is not None
    mask = mask if masked else tf.ones([1, 1, 1], projected.dtype)

    @tf.custom_gradient
    def run(projected: Any, recurrent: Any, h0: Any, c0: Any, mask: Any) -> Any:
        def step(t: Any, state: State) -> tuple[State, tuple[Any, ...]]:
            acts, new = gates(projected[t] + tf.matmul(state.h, recurrent), state.c)
            if masked:
                new = State(*(tf.where(mask[t] > 0, a, b) for a, b in zip(new, state, strict=True)))
            return new, (new.h, new.c, acts)

        last, (hs, cs, acts) = _scan(step, State(h0, c0), tf.shape(projected)[0], 3)

        def gradient(dhs: Any, dh: Any, dc: Any) -> Any:
            back = _Backward(acts, _shifted(cs, c0), cs, mask if masked else None)

            def step(t: Any, carry: State) -> tuple[State, tuple[Any, ...]]:
                dsums, kept_dh, dc = back.step(t, State(carry.h + dhs[t], carry.c))
                dh = tf.matmul(dsums, recurrent, transpose_b=True)
                return State(dh if kept_dh is None else dh + kept_dh, dc), (dsums,)

            first, (dsums,) = _scan(step, State(dh, dc), tf.shape(dhs)[0], 1, backward=True)
            return dsums, _outer(_shifted(hs, h0), dsums), *first, None

        return (hs, *last), gradient

    outputs, h, c = run(projected, recurrent, initial.h, initial.c, mask)
    return outputs, State(h, c)


class Memory(NamedTuple):
    """What a decoder attends to.

    Attributes:
        values: the encoder's outputs, [batch, source, units].
        keys: their projection plus the attention's bias, [batch, source, attention units].
        bias: 0 at a token, a large negative number at padding, [batch, source].
    """

    values: Any
    keys: Any
    bias: Any


def attend(memory: Memory, query: Any, v: Any) -> tuple[Any, Any]:
    """One step of additive attention: v · tanh(keys + query), softmax, weighted sum.

    Args:
        memory: what to attend to.
        query: projected, [batch, attention units].
        v: the scoring vector, [attention units].

    Returns:
        The weights, [batch, source], and the context, [batch, units].
    """
    activity = tf.tanh(memory.keys + query[:, tf.newaxis])
    weights = tf.nn.softmax(_dot(activity, v) + memory.bias)
    return weights, tf.matmul(weights[:, tf.newaxis], memory.values)[:, 0]


def attending_lstm(
    projected: Any, kernel: Any, query: Any, v: Any, memory: Memory, initial: State, drop: Any
) -> tuple[Any, Any]:
    """Runs the decoder's bottom LSTM, whose input holds the attention's last context.

    Args:
        projected: the words' embeddings times their part of the kernel, plus the bias,
            [time, batch, 4 · units].
        kernel: the rows of the two kernels that the output and the last context meet,
            [units + context, 4 · units].
        query: the attention's query kernel, [units, attention units].
        v: the attention's scoring vector.
        memory: the encoder's outputs.
        initial: the state before the first step; the first context is zero.
        drop: what to multiply each step's last context with (dropout), [time, batch,
            context]; None for nothing.

    Returns:
        The outputs, [time, batch, units], and the contexts that they asked for,
        [time, batch, context].
    """
    dropped = drop is not None
    drop = drop if dropped else tf.ones([1, 1, 1], projected.dtype)

    @tf.custom_gradient
    def run(
        projected: Any,
        kernel: Any,
        query: Any,
        v: Any,
        values: Any,
        keys: Any,
        bias: Any,
        h0: Any,
        c0: Any,
        drop: Any,
    ) -> Any:
        memory = Memory(values, keys, bias)
        context0 = tf.zeros([tf.shape(h0)[0], values.shape[-1]], h0.dtype)

        def step(t: Any, carry: Any) -> Any:
            (h, c), context = carry
            context = context * drop[t] if dropped else context
            sums = projected[t] + tf.matmul(tf.concat([h, context], -1), kernel)
            acts, state = gates(sums, c)
            weights, context = attend(memory, tf.matmul(state.h, query), v)
            return (state, context), (state.h, state.c, acts, weights, context)

        steps = tf.shape(projected)[0]
        _, kept = _scan(step, (State(h0, c0), context0), steps, 5)
        hs, cs, acts, weights, contexts = kept

        def gradient(dhs: Any, dcontexts: Any) -> Any:
            back = _Backward(acts, _shifted(cs, c0), cs, None)
            queries = times(hs, query)
            width = query.shape[0]

            def step(t: Any, carry: Any) -> Any:
                (dh, dc), dcontext, dkeys, dv = carry
                dcontext = dcontext + dcontexts[t]
                dweights = tf.matmul(values, dcontext[..., tf.newaxis])[..., 0]
                mean = tf.reduce_sum(weights[t] * dweights, -1, keepdims=True)
                dscores = weights[t] * (dweights - mean)
                activity = tf.tanh(keys + queries[t][:, tf.newaxis])
                slope = (1.0 - activity * activity) * dscores[..., tf.newaxis]
                dquery = tf.reduce_sum(slope, 1) * v
                dv += _outer(activity, dscores[..., tf.newaxis])[:, 0]
                dh = dh + dhs[t] + tf.matmul(dquery, query, transpose_b=True)
                dsums, _, dc = back.step(t, State(dh, dc))
                inputs = tf.matmul(dsums, kernel, transpose_b=True)
                dh, before = inputs[:, :width], inputs[:, width:]
                before = before * drop[t] if dropped else before
                carry = State(dh, dc), before, dkeys + slope, dv
                return carry, (dsums, dquery, dcontext)

            zeros = tf.zeros_like(h0)
            start = State(zeros, zeros), context0, tf.zeros_like(keys), tf.zeros_like(v)
            end, (dsums, dqueries, totals) = _scan(step, start, steps, 3, backward=True)
            first, _, dkeys, dv = end
            before = _shifted(contexts, context0)
            inputs = tf.concat([_shifted(hs, h0), before * drop if dropped else before], -1)
            dvalues = tf.einsum("tbs,tbu->bsu", weights, totals)
            dkernel, dquery = _outer(inputs, dsums), _outer(hs, dqueries)
            return dsums, dkernel, dquery, dv, dvalues, dkeys * v, None, *first, None

        return (hs, contexts), gradient

    return run(projected, kernel, query, v, *memory, *initial, drop)


class _Backward:
    """The backward pass through an LSTM's gates: all that no step has to wait for, at once."""

    def __init__(self, acts: Any, before: Any, cells: Any, mask: Any):
        i, f, g, o = tf.split(acts, 4, axis=-1)
        squashed = tf.tanh(cells)
        # What a step's gradient of the cell, and of the output, is multiplied with.
        self._of_cell = tf.concat([g * i * (1 - i), before * f * (1 - f), i * (1 - g * g)], -1)
        self._of_output = squashed * o * (1 - o)
        self._through = o * (1 - squashed * squashed)
        self._forget, self._mask = f, mask

    def step(self, t: Any, after: State) -> tuple[Any, Any, Any]:
        """Gradients of the gates' sums and of the state before, from those of the one after.

        The output before gets, beside what comes through the sums, the second value returned
        (None without a mask).
        """
        dh, dc = after
        kept_h, kept_c = None, None
        if self._mask is not None:
            mask = self._mask[t]
            kept_h, kept_c = dh * (1 - mask), dc * (1 - mask)
            dh, dc = dh * mask, dc * mask
        dc = dc + dh * self._through[t]
        of_cell = self._of_cell[t] * tf.tile(dc, [1, 3])
        dsums = tf.concat([of_cell, self._of_output[t] * dh], -1)
        dc = dc * self._forget[t]
        return dsums, kept_h, dc if kept_c is None else dc + kept_c


def _scan(step: Any, carry: Any, steps: Any, outputs: int, backward: bool = False) -> Any:
    """Runs `step(t, carry) -> (carry, outputs)` for each t; stacks each output over time."""
    arrays = [
        tf.TensorArray(carry[0].dtype if isinstance(carry, State) else carry[0].h.dtype, steps)
        for _ in range(outputs)
    ]

    def body(t: Any, carry: Any, arrays: list[Any]) -> Any:
        carry, values = step(t, carry)
        arrays = [array.write(t, value) for array, value in zip(arrays, values, strict=True)]
        return t - 1 if backward else t + 1, carry, arrays

    start = steps - 1 if backward else tf.zeros_like(steps)
    _, carry, arrays = tf.while_loop(
        lambda t, *_: t >= 0 if backward else t < steps, body, (start, carry, arrays)
    )
    return carry, [array.stack() for array in arrays]


def _shifted(values: Any, first: Any) -> Any:
    """The values before each step: `first`, then all but the last."""
    return tf.concat([first[tf.newaxis], values[:-1]], axis=0)


def _rows(values: Any) -> Any:
    return tf.reshape(values, [-1, values.shape[-1]])


def times(values: Any, kernel: Any) -> Any:
    """[time, batch, in] times [in, out], as one multiplication of matrices."""
    shape = tf.concat([tf.shape(values)[:-1], tf.shape(kernel)[-1:]], 0)
    return tf.reshape(tf.matmul(_rows(values), kernel), shape)


def _outer(inputs: Any, gradients: Any) -> Any:
    """The gradient of a kernel that met all rows of `inputs`."""
    return tf.matmul(_rows(inputs), _rows(gradients), transpose_a=True)


def _dot(values: Any, v: Any) -> Any:
    return tf.reshape(tf.matmul(_rows(values), v[:, tf.newaxis]), tf.shape(values)[:-1])
