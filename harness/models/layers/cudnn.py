"""cuDNN's LSTM over whole sequences, in place of the recurrence by hand, where a GPU trains.

Outputs at tokens, states and gradients are those of `recurrence.lstm`, to rounding. At padding
the outputs are zeros. No GPU was at hand: its call is compared with the one that Keras makes, and
its mathematics with a stand-in on the CPU.
"""

from typing import Any

import tensorflow as tf

from harness.models.layers.recurrence import State


def chosen() -> bool:
    """Whether this machine trains by cuDNN: it has an NVIDIA GPU that this process may use.

    AMD's library has its weights in another order.
    """
    rocm = tf.sysconfig.get_build_info().get("is_rocm_build", False)
    return bool(tf.config.list_physical_devices("GPU")) and not rocm


def lstm(
    x: Any,
    kernel: Any,
    recurrent: Any,
    bias: Any,
    initial: State,
    present: Any = None,
    padding_first: bool = False,
) -> tuple[Any, State]:
    """Runs an LSTM over a sequence.

    Args:
        x: the inputs, [time, batch, inputs].
        kernel: [inputs, 4 · units], gates in Keras' order.
        recurrent: [units, 4 · units].
        bias: [4 · units].
        initial: the state before the first step.
        present: 1 at a token and 0 at padding, which stands on one side, [time, batch, 1]; None
            for no padding.
        padding_first: on which side: before the tokens, or after them.

    Returns:
        The outputs of all steps, [time, batch, units], and the state after the last token.
    """
    time, batch = tf.shape(x)[0], tf.shape(x)[1]
    tokens = tf.fill([batch], time)
    if present is not None:
        tokens = tf.reduce_sum(tf.cast(present[..., 0], tf.int32), axis=0)
    # cuDNN wants padding after the tokens, and a token in each sentence.
    lengths = tf.maximum(tokens, 1)
    x = _reversed(x[::-1], lengths) if padding_first else x
    outputs, h, c, _, _ = tf.raw_ops.CudnnRNNV3(
        input=x,
        input_h=initial.h[tf.newaxis],
        input_c=initial.c[tf.newaxis],
        params=parameters(kernel, recurrent, bias),
        sequence_lengths=lengths,
        rnn_mode="lstm",
        is_training=True,
        time_major=True,
    )
    outputs = _reversed(outputs, lengths)[::-1] if padding_first else outputs
    last = State(h[0], c[0])
    if present is None:
        return outputs, last
    some = tokens[:, tf.newaxis] > 0
    last = State(*(tf.where(some, a, b) for a, b in zip(last, initial, strict=True)))
    return outputs * present, last


def parameters(kernel: Any, recurrent: Any, bias: Any) -> Any:
    """Weights as cuDNN has them, in one vector: gate by gate, each matrix [units, inputs].

    The inputs' matrices, the recurrent ones, then a bias for each of these, of which the first
    four are zeros. The gates are in Keras' order
    (https://docs.nvidia.com/deeplearning/cudnn/latest/api/cudnn-adv-library.html,
    cudnnGetRNNWeightParams).
    """
    matrices = [*tf.split(kernel, 4, axis=1), *tf.split(recurrent, 4, axis=1)]
    flat = [tf.reshape(tf.transpose(matrix), [-1]) for matrix in matrices]
    return tf.concat([*flat, tf.zeros_like(bias), bias], axis=0)


def _reversed(values: Any, lengths: Any) -> Any:
    """[time, batch, …] with the first `lengths` steps of each sequence in reverse."""
    return tf.reverse_sequence(values, lengths, seq_axis=0, batch_axis=1)
