"""Trains over two logical CPUs, and prints what the test compares (needs a fresh TensorFlow).

python -m tests.training.mirrored FOLDER
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from harness.config.schema import StrategyConfig
from harness.training import loop, seeds, strategy
from harness.training.checkpoint import Checkpoint
from tests.training import small

MIRRORED = StrategyConfig(name="mirrored", virtual_cpus=2)


class InterruptError(Exception):
    """Stands for a kill between two checkpoints."""


def plain_model() -> keras.Model:
    """A net without dropout or batch statistics, which would depend on the share of a batch."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(8, activation="relu")]
    return keras.Sequential([keras.Input((6, 6, 1)), *layers, keras.layers.Dense(2)])


def train(config: StrategyConfig, build=small.model, checkpoint=None, stop_at=None):
    def log(step, metrics):
        if stop_at is not None and step >= stop_at:
            raise InterruptError

    seeds.seed_everything(4)
    with strategy.scope(config, batch_size=8) as replicas:
        model = build()
        result = loop.fit(
            model, small.data(), small.phase(), small.recipe(),
            seed=6, checkpoint=checkpoint, on_log=log,
        )  # fmt: skip
    return replicas, result.history, model.get_weights()


def difference(some, others) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(some, others, strict=True))


def main() -> None:
    checkpoint = Checkpoint(Path(sys.argv[1]) / "state")
    replicas, history, weights = train(MIRRORED)
    interrupted = False
    try:
        train(MIRRORED, checkpoint=checkpoint, stop_at=8)
    except InterruptError:
        interrupted = checkpoint.load().step == 5
    _, resumed_history, resumed = train(MIRRORED, checkpoint=checkpoint)
    _, _, shared = train(MIRRORED, plain_model)
    _, _, alone = train(StrategyConfig(name="single"), plain_model)
    _, _, untrained = 0, 0, plain_model().get_weights()
    report = {
        "replicas": replicas,
        "interrupted": interrupted,
        "resumed": difference(weights, resumed),
        "resumed_history": history == resumed_history,
        "against_single": difference(shared, alone),
        "moved": difference(shared, untrained),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
