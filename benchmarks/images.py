"""Training step of the image models: ours beside stock Keras 3 and legacy tf_keras.

    python -m benchmarks.images [--rounds 11] [--count 2] [--only MobileNetV1 …] [--alone]

The same architectures with the same optimizer and batch; ours also pruned, 2:4 and unstructured
at 80 % between two refreshes. tf_keras is installed into `.bench/tf_keras` (git-ignored) on first
use and runs in a child process; `--alone` leaves it out. All step in turns and are compared
within a round, so that a busy machine disturbs all alike; a ratio is the median over rounds.
The last column is what ours trains of images in a second, to reckon a sweep's hours with.
"""

from __future__ import annotations

import argparse
import os
import statistics
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras

from benchmarks.peers import TF_KERAS, Peer
from benchmarks.pruning_models import MODELS, compile_model, images
from benchmarks.timing import Block, interleave, ratio, steps
from harness import models
from harness.pruning import NM, Constant, OneShot, Pruner, Unstructured

#: name -> ours, and the options of the peers' builders
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "MobileNetV1": ("mobilenet_v1", {"alpha": 0.5, "size": 96, "batch": 32}),
    "MobileNetV2": ("mobilenet_v2", {"alpha": 0.5, "size": 96, "batch": 32}),
    "InceptionV3": ("inception_v3", {"size": 299, "batch": 8}),
}
NEVER = 10**6


def ours(name: str, options: dict[str, Any], pruner: Pruner | None) -> Any:
    """A step of our model, pruned if there is a pruner."""
    config = models.MODELS.find(name)(width=options.get("alpha", 1.0))
    model = models.build(config, (options["size"], options["size"], 3), 1000)
    return stepper(model, images(options["size"], options["batch"]), pruner)


def stock(key: str, options: dict[str, Any]) -> Any:
    """A step of Keras' own model."""
    model, batch = MODELS[key](keras, **options)
    return stepper(model, batch, None)


def stepper(model: Any, batch: Any, pruner: Pruner | None) -> Any:
    """The model's training step on one batch, after its first steps."""
    x, y = batch
    compile_model(keras, model)
    if pruner is not None:
        pruner.attach(model)
    for _ in range(3):
        model.train_on_batch(x, y)
    return lambda: model.train_on_batch(x, y)


def measure(key: str, peer: Peer | None, rounds: int, count: int) -> list[str]:
    """A row: ratios over our dense step, and its speed."""
    name, options = SETTINGS[key]
    pruners = {
        "dense": None,
        "2:4": Pruner(NM(2, 4), OneShot(0.5)),
        "unstructured": Pruner(Unstructured(), Constant(0.8, frequency=NEVER)),
    }
    blocks: dict[str, Block] = {
        variant: steps(ours(name, options, pruner), count) for variant, pruner in pruners.items()
    }
    blocks["stock"] = steps(stock(key, options), count)
    if peer is not None:
        peer.ask("prepare", name=key, options=options)
        blocks["tf_keras"] = lambda: peer.ask("step_times", count=count)
    times = interleave(blocks, rounds)
    median = statistics.median(times["dense"])
    ratios = [("stock", "dense"), ("tf_keras", "dense"), ("tf_keras", "2:4"), ("2:4", "dense")]
    shown = [
        f"{ratio(times, a, b):.2f}×" if a in times else "-"
        for a, b in (*ratios, ("unstructured", "dense"))
    ]
    setting = ", ".join(f"{option} {value}" for option, value in options.items())
    speed = f"{options['batch'] / median:.0f}"
    return [f"{key} ({setting})", f"{median * 1e3:.0f} ms", *shown, speed]


def main() -> None:
    """Measures and prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--count", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--alone", action="store_true", help="without tf_keras")
    arguments = parser.parse_args()
    peer = None if arguments.alone else Peer("benchmarks.images_tf_keras", "tf_keras", TF_KERAS)
    print(f"load {os.getloadavg()[0]:.1f}, Keras {keras.__version__}\n")
    print(
        "| model | our dense step | stock Keras 3 / ours | tf_keras / ours | tf_keras / our 2:4 "
        "| our 2:4 / dense | our unstructured / dense | images a second |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    try:
        for key in arguments.only:
            row = measure(key, peer, arguments.rounds, arguments.count)
            print("| " + " | ".join(row) + " |", flush=True)
    finally:
        if peer is not None:
            peer.close()


if __name__ == "__main__":
    main()
