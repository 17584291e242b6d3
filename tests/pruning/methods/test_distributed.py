"""Methods that keep weights aside or move them agree on all replicas."""

import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
import numpy as np, tensorflow as tf, keras
from harness.pruning import NM, SRSTE, Constant, Global, Movement, Polynomial, Pruner
from harness.pruning import Random, RigL, StraightThrough, Unstructured

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
random = np.random.default_rng(0)
x = random.normal(size=(64, 8)).astype("float32")
y = random.normal(size=(64, 4)).astype("float32")


def pruners():
    yield Pruner(NM(2, 4), Constant(0.5, frequency=1), method=SRSTE(0.1))
    yield Pruner(Unstructured(), Constant(0.5, 0, 20, 2), score=Random(), method=RigL(20))
    yield Pruner(Unstructured(), Polynomial(0.0, 0.5, 1, 6, frequency=1), score=Movement(),
                 allocation=Global(), method=StraightThrough(update_pruned=False))


def train(strategy, pruner):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        dense = [keras.layers.Dense(8, "tanh", name="a"), keras.layers.Dense(4, name="b")]
        model = keras.Sequential([keras.layers.Input((8,)), *dense], name="model")
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True), "mse")
    pruner.attach(model)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    model.fit(data, epochs=3, verbose=0, callbacks=[pruner.callback()])
    for variable in [*model.trainable_variables, *model.optimizer.variables]:
        copies = strategy.experimental_local_results(variable.value)
        assert all((np.asarray(copies[0]) == np.asarray(copy)).all() for copy in copies)
    for weight in pruner.engine.weights:
        for held in (weight.mask, *weight.slots.values()):
            copies = strategy.experimental_local_results(held)
            assert len(copies) == strategy.num_replicas_in_sync
            assert all((copies[0].numpy() == copy.numpy()).all() for copy in copies)
    return model.get_weights()


for one, two in zip(pruners(), pruners()):
    alone = train(tf.distribute.get_strategy(), one)
    together = train(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), two)
    for a, b in zip(alone, together):
        np.testing.assert_allclose(a, b, atol=1e-5)
        np.testing.assert_array_equal(a != 0, b != 0)
print("agreed")
"""


@pytest.mark.slow
def test_replicas_agree_with_one_device():
    # Logical devices have to be set before TensorFlow starts: a process of its own.
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)], capture_output=True, text=True, timeout=300
    )
    assert run.stdout.strip().endswith("agreed"), run.stderr[-3000:]
