"""A pruned training step over the dense one, compiled by XLA and not, in one run.

    python -m benchmarks.compiled_step [--quick] [--rounds 11] [--count 3] [--only mnist_cnn …]
    python -m benchmarks.record compiled_step

The harness' own models at their own sizes, on one batch of noise. For each model and each way of
compiling: the dense step, and that of each pattern between two refreshes and with one at each
step, in turns in one process; a ratio is the median over rounds. What a step costs is the one
between refreshes, for that is what a compiled program holds: a refresh runs beside it, and how
often is the schedule's say. Processor time, of all threads, is given beside the wall's: what
else runs on a machine disturbs it less.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from benchmarks.timing import Block as Timed
from benchmarks.timing import interleave, ratio
from harness import models
from harness.pruning import NM, Block, Constant, OneShot, Pruner, Unstructured
from harness.training import recipe

NEVER = 10**6
TARGET = 1.02
REFRESHED = "unstructured, refreshed each step"
#: Input shape, classes, batch, and the model's options.
Setting = tuple[tuple[int, ...], int, int, dict[str, Any]]
FULL: dict[str, Setting] = {
    "mnist_cnn": ((28, 28, 1), 10, 128, {}),
    "ds_cnn_l": ((49, 10, 1), 12, 100, {}),
    "mobilenet_v1": ((64, 64, 3), 1000, 16, {}),
}
QUICK: dict[str, Setting] = {
    "mnist_cnn": ((28, 28, 1), 10, 32, {"units": 128}),
    "mobilenet_v1": ((32, 32, 3), 100, 8, {"width": 0.25}),
}
VARIANTS: dict[str, Callable[[], Pruner | None]] = {
    "dense": lambda: None,
    "unstructured 80 %": lambda: Pruner(Unstructured(), Constant(0.8, frequency=NEVER)),
    "2:4": lambda: Pruner(NM(2, 4), OneShot(0.5)),
    "blocks of 1×4, 80 %": lambda: Pruner(Block((1, 4)), Constant(0.8, frequency=NEVER)),
    REFRESHED: lambda: Pruner(Unstructured(), Constant(0.8, frequency=1)),
}


def stepper(
    name: str, setting: Setting, variant: str, xla: bool, mixed: bool = False, together: int = 1
) -> Callable[[], float]:
    """A call of `together` training steps on one batch, after its first calls.

    Args:
        name: a model of the harness.
        setting: its sizes.
        variant: what prunes it.
        xla: whether XLA compiles the step.
        mixed: whether in mixed precision.
        together: steps an execution.
    """
    shape, classes, batch, options = setting
    random = np.random.default_rng(0)
    x = random.normal(size=(batch, *shape)).astype("float32")
    y = random.integers(0, classes, batch)
    with recipe.precision(mixed):
        model = models.build(models.MODELS.find(name)(**options), shape, classes)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(1e-3, momentum=0.9)
    model.compile(optimizer, loss, jit_compile=xla, steps_per_execution=together)
    pruner = VARIANTS[variant]()
    if pruner is not None:
        pruner.attach(model)
    return trainer(model, x, y)


def trainer(model: keras.Model, inputs: Any, labels: Any) -> Callable[[], float]:
    """A call of a compiled model's training function on one batch, after its first calls."""
    batches = iter(tf.data.Dataset.from_tensors((inputs, labels)).repeat())
    model.make_train_function()

    def step() -> float:
        return float(model.train_function(batches)["loss"])  # waits for the device

    for _ in range(3):
        step()
    return step


def both(step: Callable[[], object], count: int, busy: list[float]) -> Timed:
    """A block of `count` steps by the wall's clock; their median by the processor's into `busy`."""

    def block() -> list[float]:
        walls, spent = [], []
        for _ in range(count):
            begin, before = perf_counter(), process_time()
            step()
            walls.append(perf_counter() - begin)
            spent.append(process_time() - before)
        busy.append(statistics.median(spent))
        return walls

    return block


def measure(name: str, setting: Setting, xla: bool, rounds: int, count: int) -> list[str]:
    """Rows of a table: each pattern's ratios to the dense step, by both clocks."""
    busy: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    blocks = {
        variant: both(stepper(name, setting, variant, xla), count, spent)
        for variant, spent in busy.items()
    }
    times = interleave(blocks, rounds)
    way = f"{name}, {'XLA' if xla else 'plain graph'}"
    dense = statistics.median(times["dense"]) * 1e3
    rows = [f"| {way} | dense | {dense:.1f} ms | | |"]
    for variant in list(VARIANTS)[1:]:
        wall, spent = (ratio(clock, variant, "dense") for clock in (times, busy))
        met = "yes" if wall <= TARGET else "NO"
        met = "" if variant == REFRESHED else met
        rows.append(f"| {way} | {variant} | {wall:.3f}× | {spent:.3f}× | {met} |")
    return rows


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small models, few rounds")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(FULL))
    arguments = parser.parse_args()
    settings = QUICK if arguments.quick else FULL
    print(f"| step | pattern | wall / dense | processor / dense | at most {TARGET}× |")
    print("|---|---|---|---|---|", flush=True)
    for name in arguments.only or settings:
        for xla in (False, True):
            rows = measure(name, settings[name], xla, arguments.rounds, arguments.count)
            print("\n".join(rows), flush=True)
            keras.backend.clear_session()


if __name__ == "__main__":
    main()
