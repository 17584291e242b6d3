"""The recurrences' hand-written gradients against automatic ones of the plain formulas."""

import numpy as np
import pytest
import tensorflow as tf

from harness.models.layers.recurrence import Memory, State, attending_lstm, gates, lstm

TIME, BATCH, UNITS, SOURCE, CONTEXT = 5, 3, 4, 6, 5
PRESENT = np.array([[1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 0, 0]], np.float64)[..., None]


def normal(*shape):
    return tf.constant(np.random.default_rng(shape).normal(size=shape) * 0.7)


def check(ours, theirs, arguments):
    """Same values and, of a loss that weighs every output differently, same gradients."""
    results = []
    for function in (ours, tf.function(ours), theirs):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            outputs = tf.nest.flatten(function(*arguments))
            weights = [normal(*output.shape) for output in outputs]
            loss = tf.add_n([tf.reduce_sum(w * o) for w, o in zip(weights, outputs, strict=True)])
        results.append([*outputs, *tape.gradient(loss, arguments)])
    for found in results[:2]:
        for value, expected in zip(found, results[2], strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mask", [None, PRESENT], ids=["whole", "padded"])
def test_lstm(mask):
    def plainly(projected, recurrent, h, c):
        outputs = []
        for t in range(TIME):
            _, new = gates(projected[t] + h @ recurrent, c)
            share = 1.0 if mask is None else mask[t]
            h, c = share * new.h + (1 - share) * h, share * new.c + (1 - share) * c
            outputs.append(h)
        return tf.stack(outputs), h, c

    def ours(projected, recurrent, h, c):
        outputs, last = lstm(projected, recurrent, State(h, c), mask)
        return outputs, *last

    arguments = [
        normal(TIME, BATCH, 4 * UNITS),
        normal(UNITS, 4 * UNITS),
        normal(BATCH, UNITS),
        normal(1, BATCH, UNITS)[0],
    ]
    check(ours, plainly, arguments)


@pytest.mark.parametrize("dropped", [False, True], ids=["all", "dropout"])
def test_attending_lstm(dropped):
    drop = normal(TIME, BATCH, CONTEXT) if dropped else None
    bias = tf.constant(np.where(np.arange(SOURCE) < [[6], [4], [2]], 0.0, -1e9))

    def plainly(projected, kernel, query, v, values, keys, h, c):
        outputs, contexts = [], []
        context = tf.zeros([BATCH, CONTEXT], tf.float64)
        for t in range(TIME):
            context = context * drop[t] if dropped else context
            _, (h, c) = gates(projected[t] + tf.concat([h, context], -1) @ kernel, c)
            activity = tf.tanh(keys + (h @ query)[:, None])
            shares = tf.nn.softmax(tf.reduce_sum(activity * v, -1) + bias)
            context = tf.reduce_sum(shares[..., None] * values, 1)
            outputs.append(h)
            contexts.append(context)
        return tf.stack(outputs), tf.stack(contexts)

    def ours(projected, kernel, query, v, values, keys, h, c):
        memory = Memory(values, keys, bias)
        return attending_lstm(projected, kernel, query, v, memory, State(h, c), drop)

    attention = UNITS + 3
    arguments = [
        normal(TIME, BATCH, 4 * UNITS),
        normal(UNITS + CONTEXT, 4 * UNITS),
        normal(UNITS, attention),
        normal(attention),
        normal(BATCH, SOURCE, CONTEXT),
        normal(BATCH, SOURCE, attention),
        normal(BATCH, UNITS),
        normal(1, BATCH, UNITS)[0],
    ]
    check(ours, plainly, arguments)
