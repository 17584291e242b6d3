"""Training step of DS-CNN-L: ours against stock Keras layers, and its input pipeline's share.

    python -m benchmarks.ds_cnn_l [--batch 100] [--rounds 5] [--steps 4] [--filters 276]

All are timed in turns in one process, and ratios are medians over the turns. A busy machine
slows all, yet not alike: the processor time of a step, over all cores, feels it least. Three
inputs of the same step: one batch over and over (no pipeline), batches of cached features, and
the pipeline at its worst, which shifts each clip in time, changes its speed and gain, mixes
noise in and computes its features anew.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from benchmarks.timing import ratio
from harness.data.base import Split
from harness.data.speech.sound.clips import SpeechData
from harness.data.speech.sound.options import AugmentationOptions
from harness.models import build
from harness.models.ds_cnn_l import DsCnnL
from harness.models.layers.plain import plain

_CLASSES = 12
_VARIED = AugmentationOptions(
    time_shift_ms=100, speed=0.1, gain_db=6, noise_probability=0.8, noise_volume=0.1
)


def compiled(model: keras.Model) -> keras.Model:
    """The model, ready for training as the published recipe has it (Adam)."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(5e-4), loss, jit_compile=False)
    return model


def sounds(augmentation: AugmentationOptions, count: int) -> SpeechData:
    """Noise of a second, in twelve classes, and longer noise to mix in."""
    rng = np.random.default_rng(0)
    clips = Split(
        rng.integers(-8_000, 8_000, (count, 16_000), np.int16), np.arange(count) % _CLASSES
    )
    noise = tuple(rng.integers(-8_000, 8_000, 160_000, np.int16) for _ in range(2))
    names = tuple(str(number) for number in range(_CLASSES))
    return SpeechData(
        *("noise", "0", "made here", names, clips, clips, clips),
        augmentation=augmentation,
        noise=noise,
    )


def timer(model: keras.Model, batches: Any, steps: int) -> Callable[[], float]:
    """A function that trains for some steps and returns the milliseconds of one."""
    stream = iter(batches)

    def run() -> float:
        begin = time.perf_counter()
        for _ in range(steps):
            model.train_on_batch(*next(stream))
        return (time.perf_counter() - begin) / steps * 1e3

    return run


Times = dict[str, list[float]]


def interleave(timers: dict[str, Callable[[], float]], rounds: int, steps: int) -> list[Times]:
    """Milliseconds of a step by name, on the clock and on all cores, in each of the turns."""
    for run in timers.values():
        run()
    times: list[Times] = [{name: [] for name in timers} for _ in range(2)]
    for _ in range(rounds):
        for name, run in timers.items():
            begin = time.process_time()
            times[0][name].append(run())
            times[1][name].append((time.process_time() - begin) / steps * 1e3)
    return times


def main() -> None:
    """Prints the step times and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--filters", type=int, default=276)
    args = parser.parse_args()
    cached = sounds(AugmentationOptions(), 4 * args.batch)
    varied = sounds(_VARIED, 4 * args.batch)
    one = cached.train(args.batch, seed=0).take(1).cache().repeat()
    config = DsCnnL(filters=args.filters)
    model = build(config, cached.input_shape, _CLASSES)
    stock = compiled(plain(model))  # the copy has the same layers, as Keras has them
    compiled(model)
    timers = {
        "stock layers, no pipeline": timer(stock, one, args.steps),
        "ours, no pipeline": timer(model, one, args.steps),
        "ours, cached features": timer(model, cached.train(args.batch, seed=0), args.steps),
        "ours, varied anew": timer(model, varied.train(args.batch, seed=0), args.steps),
    }
    clock, cores = interleave(timers, args.rounds, args.steps)
    for name in timers:
        both = (statistics.median(times[name]) for times in (clock, cores))
        print("{:26} {:7.1f} ms a step, {:7.1f} ms of processor time".format(name, *both))
    for name, base in (
        ("stock layers, no pipeline", "ours, no pipeline"),
        ("ours, cached features", "ours, no pipeline"),
        ("ours, varied anew", "ours, no pipeline"),
    ):
        both = (ratio(times, name, base) for times in (clock, cores))
        print("{} / {} = {:.2f}, {:.2f} in processor time".format(name, base, *both))
    begin, batches = (time.perf_counter(), time.process_time()), 10
    for _ in varied.train(args.batch, seed=1).take(batches):
        pass
    spent = time.perf_counter() - begin[0], time.process_time() - begin[1]
    print("pipeline alone {:7.1f} ms a batch, {:.1f} ms of processor time".format(
        *(seconds / batches * 1e3 for seconds in spent)
    ))  # fmt: skip


if __name__ == "__main__":
    main()
