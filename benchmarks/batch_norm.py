"""Training step of a MobileNet-shaped net: fused batch normalization against Keras' own.

    python -m benchmarks.batch_norm [--size 96] [--width 0.25] [--batch 32] [--rounds 7]

Both nets are timed in turns in one process, so that a busy machine slows both; the ratio
is of the medians.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import keras
import numpy as np

from harness.models.layers.standard import BatchNorm

# MobileNetV1's separable blocks as (filters, stride), https://arxiv.org/abs/1704.04861
BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5]
BLOCKS += [(1024, 2), (1024, 1)]


def net(
    norm: type[keras.layers.Layer], size: int, width: float, jit_compile: bool = False
) -> keras.Model:
    """MobileNetV1's body with the given normalization layer."""
    layers = keras.layers
    x = image = keras.Input((size, size, 3))
    x = layers.Conv2D(int(32 * width), 3, 2, "same", use_bias=False)(x)
    x = layers.ReLU(6.0)(norm()(x))
    for filters, stride in BLOCKS:
        x = layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(x)
        x = layers.ReLU(6.0)(norm()(x))
        x = layers.Conv2D(int(filters * width), 1, use_bias=False)(x)
        x = layers.ReLU(6.0)(norm()(x))
    model = keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss, jit_compile=jit_compile)
    return model


def timer(model: keras.Model, x: np.ndarray, y: np.ndarray, steps: int) -> Callable[[], float]:
    """A function that trains for some steps and returns the milliseconds of one."""

    def run() -> float:
        begin = time.perf_counter()
        for _ in range(steps):
            model.train_on_batch(x, y)
        return (time.perf_counter() - begin) / steps * 1e3

    return run


def main() -> None:
    """Prints the two step times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    x = rng.random((args.batch, args.size, args.size, 3), np.float32)
    y = rng.integers(0, 10, args.batch)
    kinds = {"keras": keras.layers.BatchNormalization, "fused": BatchNorm}
    timers = {
        name: timer(net(kind, args.size, args.width), x, y, 10) for name, kind in kinds.items()
    }
    for run in timers.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(args.rounds):
        for name, run in timers.items():
            times[name].append(run())
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:6} {median:7.1f} ms a step")
    print(f"keras / fused = {medians['keras'] / medians['fused']:.2f}")


if __name__ == "__main__":
    main()
