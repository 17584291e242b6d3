"""Small models of every kind, and what must hold while they are pruned."""

import keras
import numpy as np
from keras import layers

from harness.pruning import Polynomial

SCHEDULE = Polynomial(0.2, 0.8, begin_step=1, end_step=10, frequency=4)


def data(count=64, seed=0):
    random = np.random.default_rng(seed)
    x = random.standard_normal((count, 6, 6, 2), np.float32)
    return x, random.standard_normal((count, 5), np.float32)


def blocks():
    return [
        layers.Conv2D(8, 3, name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(5, name="head"),
    ]


def sequential():
    return keras.Sequential([keras.Input((6, 6, 2)), *blocks()])


def functional():
    x = y = keras.Input((6, 6, 2))
    for layer in blocks():
        y = layer(y)
    return keras.Model(x, y)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.parts = blocks()

    def call(self, x, training=False):
        for part in self.parts:
            x = part(x, training=training) if part.name == "norm" else part(x)
        return x


def subclassed():
    model = Subclassed()
    model(np.zeros((1, 6, 6, 2), np.float32))
    return model


def nested():
    *body, head = blocks()
    return keras.Sequential([keras.Input((6, 6, 2)), keras.Sequential(body, name="body"), head])


def shared():
    conv = layers.Conv2D(2, 3, padding="same", name="conv")
    x = keras.Input((6, 6, 2))
    y = layers.Flatten()(conv(layers.ReLU()(conv(x))))
    return keras.Model(x, layers.Dense(5, name="head")(y))


def weights(pruner):
    return pruner.engine.weights


def assert_sparse(pruner):
    for weight in weights(pruner):
        mask = weight.mask.numpy()
        assert (weight.variable.numpy()[~mask] == 0).all()
    return pruner.summary().sparsity


class Watch(keras.callbacks.Callback):
    """Records sparsity after every call of the train function, and at its end."""

    def __init__(self, pruner):
        super().__init__()
        self.pruner, self.seen = pruner, []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((self.pruner.step, assert_sparse(self.pruner)))


def expected(step):
    last = SCHEDULE.last_update(step)
    return 0.0 if last is None else float(SCHEDULE.sparsity(last))


def perceptron(seed=0):
    """The smallest net with two kernels, and what it is trained on: 8 steps an epoch of 16."""
    keras.utils.set_random_seed(seed)
    hidden, head = layers.Dense(32, "relu", name="hidden"), layers.Dense(4, name="head")
    return keras.Sequential([keras.Input((16,)), hidden, head])


def vectors():
    x = np.random.default_rng(0).standard_normal((128, 16), np.float32)
    return x, x[:, :4].copy()


def zeros(model):
    """The share of zeros in a model's kernels, seen by nothing of a pruner's."""
    kernels = [v.numpy() for v in model.trainable_variables if v.name == "kernel"]
    return sum((k == 0).sum() for k in kernels) / sum(k.size for k in kernels)
