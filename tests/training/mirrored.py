"""Trains over two logical CPUs, and prints what the test compares (needs a fresh TensorFlow).

python -m tests.training.mirrored resume|share FOLDER
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


def resume(folder: Path) -> dict[str, object]:
    """A run interrupted in its second segment, against one that was not."""
    checkpoint = Checkpoint(folder / "state")
    _, history, weights = train(MIRRORED)
    try:
        train(MIRRORED, checkpoint=checkpoint, stop_at=8)
    except InterruptError:
        stored = checkpoint.load()
    _, resumed_history, resumed = train(MIRRORED, checkpoint=checkpoint)
    return {
        "stored": stored.step,
        "difference": difference(weights, resumed),
        "same_history": history == resumed_history,
    }


def share(folder: Path) -> dict[str, object]:
    """Two devices against one, on the same batches."""
    replicas, _, shared = train(MIRRORED, plain_model)
    _, _, alone = train(StrategyConfig(name="single"), plain_model)
    seeds.seed_everything(4)
    untrained = plain_model().get_weights()
    return {
        "replicas": replicas,
        "difference": difference(shared, alone),
        "moved": difference(shared, untrained),
    }


if __name__ == "__main__":
    check = {"resume": resume, "share": share}[sys.argv[1]]
    sys.stdout.write(json.dumps(check(Path(sys.argv[2]))) + "\n")
