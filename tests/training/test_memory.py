"""The memory of a training step, foreseen from its graph."""

import keras
import pytest
import tensorflow as tf
from keras import layers

from harness.training import memory
from tests.settings import python

MEGA = 1_000_000
#: A process that trains a net on two sizes of batch, and prints how much more memory the larger
#: one took at its peak, and how much more was foreseen. Freed memory goes back at once.
GROWN = """
import keras, numpy as np
from benchmarks.pruning_models import MODELS
from harness.training import memory

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024

model, (x, y) = MODELS[{name!r}](keras, **{options})
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, jit_compile=False)
model.optimizer.build(model.trainable_variables)
found = []
for size in (len(x) // 4, len(x)):
    foreseen = memory.of_step(model, size, loss).total
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    for _ in range(2):
        model.train_on_batch(x[:size], y[:size])
    found.append((foreseen, peak()))
(foreseen, taken), (more_foreseen, more_taken) = found
print(more_foreseen - foreseen, more_taken - taken)
"""


def compiled(*parts):
    model = keras.Sequential([keras.Input((256,)), *parts])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss)
    model.optimizer.build(model.trainable_variables)
    return model, loss


def test_weights_and_what_the_optimizer_keeps_of_them_are_counted():
    model, loss = compiled(layers.Dense(1000), layers.BatchNormalization())
    found = memory.of_step(model, 8, loss, masks=5)
    assert found.weights == 4 * (256 * 1000 + 1000 + 4 * 1000)
    assert found.optimizer == pytest.approx(2 * 4 * (256 * 1000 + 3 * 1000), abs=100)
    assert found.masks == 5
    assert found.total == found.weights + found.optimizer + 5 + found.activations


def test_activations_are_held_from_the_forward_pass_to_the_backward_pass():
    """Each of ten layers' outputs is read by the gradient of the next; gradients come and go."""
    sizes = {}
    for depth in (10, 20):
        parts = [layers.Dense(256, "tanh", use_bias=False) for _ in range(depth)]
        model, loss = compiled(*parts)
        sizes[depth] = memory.of_step(model, 4096, loss).activations
    one = 4096 * 256 * 4
    assert sizes[20] - sizes[10] == pytest.approx(10 * one, rel=0.1)
    assert 10 * one < sizes[10] < 14 * one


def test_what_is_read_last_is_written_over():
    """A chain of elementwise operations lies in one buffer, beside the input."""

    @tf.function(input_signature=[tf.TensorSpec([MEGA], tf.float32)])
    def chain(x):
        y = x * 2.0
        for _ in range(5):
            y = tf.reshape(y + 1.0, [-1])
        return tf.reduce_sum(y)

    assert 8 * MEGA <= memory._held(chain.get_concrete_function().graph) < 8.1 * MEGA


def test_loops_and_lengths_that_the_graph_does_not_tell_are_not_guessed():
    model = keras.Sequential([keras.Input((None,), dtype="int32"), layers.Embedding(9, 4)])
    model.add(layers.LSTM(4))
    model.compile("sgd", "sparse_categorical_crossentropy")
    found = memory.of_step(model, 4, model.loss)
    assert found.activations is None
    assert found.total is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [("MobileNetV1", {"size": 128, "batch": 96}), ("DS-CNN-L", {"batch": 400})],
)
def test_it_is_what_a_cpu_takes_at_its_peak_within_15_percent(name, options, monkeypatch):
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")  # glibc: freed memory goes back at once
    foreseen, taken = map(int, python(GROWN.format(name=name, options=options)).split())
    assert foreseen == pytest.approx(taken, rel=0.15)
