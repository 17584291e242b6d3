"""Trains under a tf.distribute strategy and tells each replica's masks.

In a process of its own: strategies fix the devices of a process before its first operation.
"""

import hashlib

import keras
import numpy as np
import tensorflow as tf

from harness.pruning import Global, Magnitude, Polynomial, Pruner, Taylor, Unstructured


def strategy_of(kind):
    cpu = tf.config.list_physical_devices("CPU")[0]
    if kind == "mirrored":
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )
        return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    return tf.distribute.MultiWorkerMirroredStrategy()


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def train(strategy, model, batches):
    """A custom loop: the optimizer's `apply` is all that the pruner needs."""
    with strategy.scope():
        model.optimizer.build(model.trainable_variables)

    def replica_step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
            loss /= strategy.num_replicas_in_sync
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)

    @tf.function
    def step(batch):
        strategy.run(replica_step, args=batch)

    for batch in strategy.experimental_distribute_dataset(batches.repeat(3)):
        step(batch)


def main(kind, score, mixed=False):
    """Trains as `kind` says, mirrored or workers, of which TF_CONFIG names the cluster."""
    strategy = strategy_of(kind)
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = keras.Sequential(
            [
                keras.Input((6, 6, 2)),
                keras.layers.Conv2D(8, 3, dtype="mixed_float16" if mixed else "float32"),
                keras.layers.Flatten(),
                keras.layers.Dense(5, dtype="float32"),
            ]
        )
        optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
        model.compile(keras.optimizers.LossScaleOptimizer(optimizer) if mixed else optimizer, "mse")
    schedule = Polynomial(0.2, 0.8, begin_step=1, end_step=10, frequency=3)
    score = {"magnitude": Magnitude, "taylor": Taylor}[score]()
    pruner = Pruner(Unstructured(), schedule, score, Global()).attach(model)
    random = np.random.default_rng(0)
    x = random.standard_normal((64, 6, 6, 2)).astype(np.float32)
    y = random.standard_normal((64, 5)).astype(np.float32)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(16, drop_remainder=True)
    if kind == "mirrored":
        model.fit(batches, epochs=3, verbose=0, callbacks=[pruner.callback()])
    else:  # Keras 3.15's fit cannot feed several workers, with a pruner or without
        train(strategy, model, batches)

    replicas = {"mask": [], "value": []}
    for weight in pruner.engine.weights:
        masks = strategy.experimental_local_results(weight.mask)
        values = strategy.experimental_local_results(weight.variable._value)
        for mask, value in zip(masks, values, strict=True):
            assert (value.numpy()[~mask.numpy()] == 0).all()
        replicas["mask"].append([digest(mask.numpy()) for mask in masks])
        replicas["value"].append([digest(value.numpy()) for value in values])
    return {"step": pruner.step, "sparsity": pruner.summary().sparsity, **replicas}
