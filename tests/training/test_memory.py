"""The memory of a training step, foreseen from its graph."""

import keras
import pytest
from keras import layers

from harness.training import memory
from tests.settings import python

#: A process that trains a cell's net on batches of a size, and prints how much more memory it
#: took at its peak than at rest, and how much was foreseen. What tracing a step takes is not
#: counted: the step was traced and run before.
TAKEN = """
import ctypes
import tensorflow as tf
from harness import tasks
from harness.cell.description import Unread
from harness.config import compose
from harness.training import memory, recipe

def told(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) * 1024

config = compose({overrides!r})
shape, classes = config.dataset.shape()
task = tasks.of(config)
model = task.build(config, Unread(config.dataset.name, shape, classes, ""))
phase = config.training.dense
objective = task.objective(config.training.label_smoothing)
recipe.compile_model(model, phase, config.training, recipe.length(phase, 1000), objective)
inputs, labels = config.dataset.largest_batch({size}, shape)
foreseen = memory.of_step(model, (inputs, labels)).activations
batch = tf.zeros(inputs[0], model.inputs[0].dtype), tf.zeros(labels, tf.int64)
batches = tf.data.Dataset.from_tensors(batch).repeat()
model.fit(batches, steps_per_epoch=1, verbose=0, shuffle=False)
ctypes.CDLL(None).malloc_trim(0)
rest = told("VmRSS")
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
model.fit(batches, steps_per_epoch=2, verbose=0, shuffle=False)
print(foreseen, told("VmHWM") - rest)
"""


def compiled(*parts):
    model = keras.Sequential([keras.Input((256,)), *parts])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"])
    return model


def batch(size):
    return [(size, 256)], (size,)


def test_weights_and_what_the_optimizer_keeps_of_them_are_counted():
    model = compiled(layers.Dense(1000), layers.BatchNormalization())
    found = memory.of_step(model, batch(8), masks=5)
    assert found.weights == 4 * (256 * 1000 + 1000 + 4 * 1000)
    assert found.optimizer == pytest.approx(2 * 4 * (256 * 1000 + 3 * 1000), abs=100)
    assert found.masks == 5
    assert found.total == found.weights + found.optimizer + 5 + found.activations


def test_activations_are_held_from_the_forward_pass_to_the_backward_pass():
    """Each of ten layers' outputs is read by the gradient of the next; gradients come and go."""
    sizes = {}
    for depth in (10, 20):
        parts = [layers.Dense(256, "tanh", use_bias=False) for _ in range(depth)]
        sizes[depth] = memory.of_step(compiled(*parts), batch(4096)).activations
    one = 4096 * 256 * 4
    assert sizes[20] - sizes[10] == pytest.approx(10 * one, rel=0.1)
    assert 10 * one < sizes[10] < 15 * one


def test_foreseeing_trains_nothing():
    model = compiled(layers.Dense(4), layers.BatchNormalization())
    before = [value.copy() for value in model.get_weights()]
    memory.of_step(model, batch(8))
    assert int(model.optimizer.iterations) == 0
    assert all((a == b).all() for a, b in zip(model.get_weights(), before, strict=True))


@pytest.mark.parametrize(
    ("overrides", "size"),
    [
        (["experiment=ds_cnn_l_speech_commands"], 400),
        pytest.param(["experiment=imdb_lstm"], 1024, marks=pytest.mark.slow),
        pytest.param(
            ["experiment=mobilenet_v1_imagenet", "dataset.size=128"], 64, marks=pytest.mark.slow
        ),
        pytest.param(
            ["experiment=inception_v3_imagenet", "dataset.size=139"], 12, marks=pytest.mark.slow
        ),
    ],
    ids=lambda value: str(value[0]).rpartition("=")[2] if isinstance(value, list) else str(value),
)
def test_it_is_what_a_cpu_takes_at_its_peak_within_15_percent(overrides, size, monkeypatch):
    """By TensorFlow's own kernels: oneDNN's take workspaces that no graph tells of."""
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")  # glibc: freed memory goes back at once
    foreseen, taken = map(int, python(TAKEN.format(overrides=overrides, size=size)).split())
    assert foreseen == pytest.approx(taken, rel=0.15)
