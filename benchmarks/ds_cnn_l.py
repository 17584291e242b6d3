"""Training step of DS-CNN-L: ours against stock Keras layers, and its input pipeline's share.

    python -m benchmarks.ds_cnn_l [--batch 100] [--rounds 5] [--steps 4]

All are timed in turns in one process, so that a busy machine slows all; ratios are of the
medians. The pipeline is measured at its worst: every step shifts each clip in time, changes
its speed, mixes noise in and computes its features anew.
"""

import argparse
import statistics
from collections.abc import Callable

import keras
import numpy as np

from benchmarks.batch_norm import timer
from harness.config.schema import DsCnnLConfig
from harness.models import build
from harness.models.plain import plain

_SHAPE, _CLASSES = (49, 10, 1), 12


def compiled(model: keras.Model) -> keras.Model:
    """The model, ready for training as the published recipe has it (Adam)."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(5e-4), loss, jit_compile=False)
    return model


def medians(timers: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Milliseconds of a step by name, each timed `rounds` times in turns."""
    for run in timers.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(rounds):
        for name, run in timers.items():
            times[name].append(run())
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Prints the step times and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(args.batch, *_SHAPE)).astype("f4")
    y = rng.integers(0, _CLASSES, args.batch)
    model = build(DsCnnLConfig(name="ds_cnn_l"), _SHAPE, _CLASSES)
    # Before compiling: the copy has the same layers, as Keras has them.
    stock = plain(model)
    timers = {
        "stock": timer(compiled(stock), x, y, args.steps),
        "ours": timer(compiled(model), x, y, args.steps),
    }
    found = medians(timers, args.rounds)
    for name, median in found.items():
        print(f"{name:6} {median:7.1f} ms a step")
    print(f"stock / ours = {found['stock'] / found['ours']:.2f}")


if __name__ == "__main__":
    main()
