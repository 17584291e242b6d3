"""What is handed to cuDNN's LSTM, and what GNMT makes of it, with a stand-in for its kernel.

The stand-in reads the vector of weights as NVIDIA describes it (cudnnGetRNNWeightParams) and takes
one sentence at a time, a step at a time; Keras' own LSTM, and Keras' own call of cuDNN, tell
whether it and we are right.
"""

from importlib import import_module

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.models import build
from harness.models.gnmt import Gnmt
from harness.models.layers import cudnn
from harness.models.layers.gnmt_layers import Lstm
from harness.models.layers.recurrence import State

TIME, BATCH, INPUTS, UNITS, VOCABULARY = 5, 4, 3, 2, 17
LENGTHS = np.array([5, 3, 1, 0])  # the last sentence has no token at all
PRESENT = (np.arange(TIME)[:, None] < LENGTHS).astype(np.float64)[..., None]


def normal(*shape):
    return tf.constant(np.random.default_rng(shape).normal(size=shape) * 0.7)


def kernel(input, input_h, input_c, params, sequence_lengths, rnn_mode, is_training, time_major):
    """cuDNN's forward pass; a sentence without a token is an error there."""
    assert (rnn_mode, is_training) == ("lstm", True)
    if not time_major:
        input, input_h, input_c = (tf.transpose(a, [1, 0, 2]) for a in (input, input_h, input_c))
    inputs, units = input.shape[-1], input_h.shape[-1]
    sizes = [inputs * units] * 4 + [units * units] * 4 + [units] * 8
    parts = tf.split(params, sizes)
    of_inputs = [tf.reshape(part, [units, inputs]) for part in parts[:4]]
    of_outputs = [tf.reshape(part, [units, units]) for part in parts[4:8]]
    biases = [a + b for a, b in zip(parts[8:12], parts[12:], strict=True)]
    outputs, lasts = [], []
    for place, length in enumerate(np.asarray(sequence_lengths)):
        assert length >= 1
        h, c, steps = input_h[0, place], input_c[0, place], []
        for t in range(length):
            i, f, g, o = (
                tf.linalg.matvec(w, input[t, place]) + tf.linalg.matvec(r, h) + b
                for w, r, b in zip(of_inputs, of_outputs, biases, strict=True)
            )
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            h = tf.sigmoid(o) * tf.tanh(c)
            steps.append(h)
        outputs.append(tf.stack(steps + [tf.zeros_like(h)] * (len(input) - length)))
        lasts.append((h, c))
    h, c = (tf.stack(states)[tf.newaxis] for states in zip(*lasts, strict=True))
    results = tf.stack(outputs, axis=1), h, c
    if not time_major:
        results = tuple(tf.transpose(a, [1, 0, 2]) for a in results)
    return *results, None, None


@pytest.fixture
def stand_in(monkeypatch):
    calls = []

    def noted(**given):
        calls.append(given)
        return kernel(**given)

    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", noted)
    return calls


def weights():
    return normal(INPUTS, 4 * UNITS), normal(UNITS, 4 * UNITS), normal(4 * UNITS)


def arguments():
    return normal(TIME, BATCH, INPUTS), normal(BATCH, UNITS), normal(1, BATCH, UNITS)[0]


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
def test_cudnn_is_handed_what_keras_hands_it(stand_in, backwards):
    """Keras' path runs on GPUs the world over: order and layout of the weights, and lengths."""
    x, h, c = arguments()
    some = np.maximum(PRESENT, np.eye(TIME, 1)[..., None])  # it takes no sentence without tokens
    turned = slice(None, None, -1 if backwards else 1)
    present = tf.constant(some[turned])
    cudnn.lstm(x[turned], *weights(), State(h, c), present, padding_first=backwards)
    batches = tf.transpose(x, [1, 0, 2])
    mask = tf.constant(some[..., 0].T > 0)
    keras_rnn = import_module("keras.src.backend.tensorflow.rnn")
    keras_rnn._cudnn_lstm(batches, h, c, *weights(), mask, False, backwards, True)
    ours, theirs = stand_in
    assert theirs.pop("time_major") is False
    assert ours.pop("time_major") is True
    for name in ("input", "input_h", "input_c"):
        theirs[name] = tf.transpose(theirs[name], [1, 0, 2])
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
def test_outputs_are_those_of_keras_layer(stand_in, padded, backwards):
    x, h, c = arguments()
    turned = slice(None, None, -1 if backwards else 1)
    present = PRESENT[turned] if padded else np.ones((TIME, BATCH, 1))
    given = tf.constant(present) if padded else None
    outputs, last = cudnn.lstm(x[turned], *weights(), State(h, c), given, padding_first=backwards)
    options = {"return_sequences": True, "return_state": True, "go_backwards": backwards}
    layer = keras.layers.LSTM(UNITS, **options, dtype="float64")
    layer.build((BATCH, TIME, INPUTS))
    layer.set_weights(list(weights()))
    mask = tf.constant(PRESENT[..., 0].T > 0) if padded else None
    theirs, *states = layer(tf.transpose(x, [1, 0, 2]), initial_state=[h, c], mask=mask)
    theirs = tf.transpose(theirs, [1, 0, 2]) * present
    for ours, other in zip((outputs, *last), (theirs, *states), strict=True):
        np.testing.assert_allclose(ours, other, rtol=0, atol=1e-12)
    assert len(stand_in) == 1


@pytest.fixture
def exact():
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")


def gnmt():
    """A net half of whose weights are zeros, the others large enough to matter."""
    keras.utils.set_random_seed(0)
    model = build(Gnmt("gnmt", 4, 5, 0.2), (None,), VOCABULARY)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        values = rng.normal(size=variable.shape) * 0.5
        # The attention's one number scales all its scores: none of it would learn by a zero.
        variable.assign(values * (np.abs(values) > 0.3) if np.ndim(values) else 1.0)
    return model


def step(model):
    """Logits and gradients of a training step, with dropout."""
    source = np.array([[4, 5, 6, 7], [8, 9, 0, 0], [10, 0, 0, 0], [0, 0, 0, 0]])
    target = np.array([[2, 5, 6], [2, 7, 0], [2, 0, 0], [2, 8, 9]])
    with tf.GradientTape() as tape:
        logits = model((source, target), training=True)
        loss = tf.reduce_sum(logits**2)
    return logits, *tape.gradient(loss, [v.value for v in model.trainable_variables])


def test_gnmt_trains_by_it_what_it_trains_by_hand(exact, stand_in, monkeypatch):
    """Encoder, both directions of its first layer, and all of the decoder above the attention."""
    by_hand = gnmt()
    expected = step(by_hand)
    assert not stand_in
    monkeypatch.setattr(cudnn, "chosen", lambda: True)
    model = gnmt()
    found = step(model)
    assert len(stand_in) == 2 + 3 + 3
    names = [[v.path for v in one.trainable_variables] for one in (model, by_hand)]
    assert names[0] == names[1]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    assert all(np.abs(gradient).max() > 1e-6 for gradient in found)
    stand_in.clear()
    model((np.array([[4, 5]]), np.array([[2, 6]])), training=False)
    assert not stand_in  # files that are exported run without a GPU


@pytest.mark.anywhere
@pytest.mark.parametrize("gpus", [[], ["GPU:0"]])
@pytest.mark.parametrize("rocm", [False, True])
def test_a_machine_with_an_nvidia_gpu_trains_by_it(monkeypatch, gpus, rocm):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(tf.sysconfig, "get_build_info", lambda: {"is_rocm_build": rocm})
    assert cudnn.chosen() == Lstm(3, 2, 0.0).by_cudnn == (bool(gpus) and not rocm)
