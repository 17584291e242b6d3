"""Training step with and without XLA on this machine: convolutional nets and an LSTM.

    python -m benchmarks.xla [--rounds 5]

What `training.jit_compile=auto` decides rests on these ratios. Both ways are timed in turns
in one process; compile times are those of the first step.
"""

import argparse
import statistics
import time

import keras
import numpy as np

from benchmarks.batch_norm import net, timer
from harness.models import build
from harness.models.layers.standard import BatchNorm
from harness.models.mnist_cnn import MnistCnn


def convolutional(jit_compile: bool) -> tuple[keras.Model, np.ndarray]:
    """The MNIST net at a quarter of its hidden units, and a batch for it."""
    model = build(MnistCnn(units=256), (28, 28, 1), 10)
    return _compiled(model, jit_compile), np.random.default_rng(0).random((32, 28, 28, 1), "f4")


def separable(jit_compile: bool) -> tuple[keras.Model, np.ndarray]:
    """MobileNetV1's body at a quarter of its width, and a batch for it."""
    model = net(BatchNorm, 96, 0.25, jit_compile)
    return model, np.random.default_rng(0).random((32, 96, 96, 3), "f4")


def recurrent(jit_compile: bool) -> tuple[keras.Model, np.ndarray]:
    """An LSTM text classifier, and a batch for it."""
    layers = [keras.layers.Embedding(2000, 64), keras.layers.LSTM(128), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((50,), dtype="int32"), *layers])
    return _compiled(model, jit_compile), np.random.default_rng(0).integers(0, 2000, (32, 50))


def _compiled(model: keras.Model, jit_compile: bool) -> keras.Model:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss, jit_compile=jit_compile)
    return model


def main() -> None:
    """Prints step and compile times, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    labels = np.random.default_rng(1).integers(0, 10, 32)
    for make in (convolutional, separable, recurrent):
        timers, compiling = [], []
        for jit_compile in (False, True):
            model, x = make(jit_compile)
            begin = time.perf_counter()
            model.train_on_batch(x, labels)
            compiling.append(time.perf_counter() - begin)
            timers.append(timer(model, x, labels, 5))
        times = [[run() for run in timers] for _ in range(rounds)]
        plain, xla = (statistics.median(column) for column in zip(*times, strict=True))
        steps = f"plain {plain:6.1f} ms, XLA {xla:6.1f} ms a step: {xla / plain:.2f}x"
        first = f"first step {compiling[0]:.1f} s, XLA {compiling[1]:.1f} s"
        print(f"{make.__name__:14} {steps}; {first}")


if __name__ == "__main__":
    main()
