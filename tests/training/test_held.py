"""What a graph holds at once: in chains, branches, calls and loops."""

import pytest
import tensorflow as tf

from harness.models.layers import cudnn
from harness.models.layers.recurrence import State
from harness.training import held

#: Bytes of a tensor of this test's.
MEGA = 4_000_000


def most(function, *shapes):
    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes or ([MEGA // 4],)]
    return held.most(tf.function(function, autograph=False).get_concrete_function(*specs).graph)


def test_what_is_read_last_is_written_over():
    """A chain of elementwise operations lies in one buffer, beside the input."""

    def chain(x):
        y = x * 2.0
        for _ in range(5):
            y = tf.reshape(y + 1.0, [-1])
        return tf.reduce_sum(y)

    assert most(chain) == pytest.approx(2 * MEGA, rel=0.01)


def test_shapes_of_several_tensors_at_once_are_followed():
    """As in the gradient of a concatenation."""

    def cut(x):
        _, size = tf.raw_ops.ShapeN(input=[x, x])
        return tf.reduce_sum(tf.cumsum(tf.slice(x, tf.zeros_like(size), size // 2)))

    assert most(cut) == pytest.approx(2 * MEGA, rel=0.01)


def test_what_a_later_operation_reads_is_held():
    def fan(x):
        parts = [tf.cumsum(x) for _ in range(3)]
        return tf.reduce_sum(tf.stack([tf.reduce_sum(part) for part in parts])) + sum(
            tf.reduce_sum(x * part) for part in parts
        )

    # the input and three sums, in whose buffers the products lie: none is read any more by then
    assert most(fan) == pytest.approx(4 * MEGA, rel=0.01)


def test_what_nothing_reads_is_not_computed():
    def unread(x):
        tf.cumsum(x)
        return tf.reduce_sum(x)

    assert most(unread) == pytest.approx(MEGA, rel=0.01)


def test_what_waits_for_nothing_is_made_at_once_and_held():
    """Whatever was traced first: as an optimizer's share in an update, which needs no gradient."""

    def update(x):
        late = tf.reduce_sum(tf.cumsum(tf.cumsum(tf.cumsum(x))))
        return tf.reduce_sum(tf.cumsum(x) * late)

    # the input, what is read last, and two of the chain
    assert most(update) == pytest.approx(4 * MEGA, rel=0.01)


def test_the_larger_branch_counts():
    def branches(x):
        def three():
            return tf.reduce_sum(tf.cumsum(x) * tf.cumsum(x))

        return tf.cond(x[0] > 0, three, lambda: tf.reduce_sum(x))

    assert most(branches) == pytest.approx(3 * MEGA, rel=0.01)


def test_calls_are_entered():
    inner = tf.function(lambda x: tf.reduce_sum(tf.cumsum(x) * tf.cumsum(x)), autograph=False)
    assert most(lambda x: inner(x) + 1.0) == pytest.approx(3 * MEGA, rel=0.01)


@pytest.mark.parametrize("turns", [3, 12])
def test_a_loop_holds_for_its_gradient_what_each_turn_leaves(turns):
    """Each turn's tanh, which the gradient reads: its list grows turn by turn."""

    def trained(x):
        def turn(number, y):
            return number + 1, tf.tanh(y)

        with tf.GradientTape() as tape:
            tape.watch(x)
            _, y = tf.while_loop(lambda number, _: number < turns, turn, (0, x))
            value = tf.reduce_sum(y)
        return tape.gradient(value, x)

    assert most(trained) / MEGA == pytest.approx(turns + 2.5, abs=1.5)


def test_a_loop_without_gradients_holds_one_turn():
    def last(x):
        return tf.while_loop(lambda n, _: n < 50, lambda n, y: (n + 1, tf.cumsum(y)), (0, x))[1]

    assert most(last) <= 3.01 * MEGA


def test_rows_that_the_data_choose_are_all_there_may_be():
    def chosen(x):
        return tf.reduce_sum(tf.cumsum(tf.boolean_mask(x, x[:, 0] > 0), axis=0))

    assert most(chosen, [1000, 1000]) >= 3 * MEGA


def test_a_loop_that_the_data_end_is_not_guessed():
    def endless(x):
        return tf.while_loop(lambda y: y[0] > 0, lambda y: (y - 1.0,), (x,))[0]

    with pytest.raises(held.UnknownError, match="the data decide"):
        most(endless)


def test_what_only_cudnn_can_tell_is_left_out_and_said():
    """A layer by cuDNN, with its gradient: tracing it needs no GPU."""
    steps, batch, units = 10, 20, 50

    def layer(x, kernel, recurrent, bias):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            zeros = tf.zeros([batch, units])
            outputs, _ = cudnn.lstm(x, kernel, recurrent, bias, State(zeros, zeros))
            loss = tf.reduce_sum(outputs)
        return tape.gradient(loss, [x, kernel])

    shapes = ([steps, batch, units], [units, 4 * units], [units, 4 * units], [4 * units])
    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    graph = tf.function(layer, autograph=False).get_concrete_function(*specs).graph
    weights, sequence = 4 * 8 * units * (units + 1), 4 * steps * batch * units
    # inputs, cuDNN's vector of the weights and its gradient; x, outputs and the gradients of both
    assert 3 * weights + 3 * sequence < held.most(graph) < 5 * weights + 5 * sequence
    (said,) = held.untold(tf.function(lambda *x: tf.function(layer)(*x)).get_concrete_function(
        *specs
    ).graph)  # fmt: skip
    assert "cuDNN's recurrent layers reserve" in said


def test_nothing_else_is_left_out():
    graph = tf.function(lambda x: x + 1.0).get_concrete_function(tf.TensorSpec([2])).graph
    assert held.untold(graph) == ()
