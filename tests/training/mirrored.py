"""Trains over two logical CPUs, and prints what the test compares (needs a fresh TensorFlow).

python -m tests.training.mirrored resume|share FOLDER
"""

import dataclasses
import json
import sys
from pathlib import Path

import keras
import numpy as np

from harness.errors import ConfigError
from harness.models.layers.standard import BatchNorm, Conv2D, Dropout
from harness.pruning import Polynomial, Pruner, Unstructured
from harness.training import loop, recipe, seeds, strategy
from harness.training.checkpoint import Checkpoint
from harness.training.options import StrategyOptions
from tests.training import small

MIRRORED = StrategyOptions(name="mirrored", virtual_cpus=2)
APART = dataclasses.replace(MIRRORED, synchronized_batch_norm=False)
SINGLE = StrategyOptions(name="single")


class InterruptError(Exception):
    """Stands for a kill between two checkpoints."""


def image_model() -> keras.Model:
    """A net with all that could depend on a device's share of a batch."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            Conv2D(8, 3),
            BatchNorm(momentum=0.9),
            layers.ReLU(),
            Conv2D(8, 1, use_bias=False),
            BatchNorm(momentum=0.9),
            layers.ReLU(),
            layers.Flatten(),
            Dropout(0.3),
            layers.Dense(2, dtype="float32"),
        ]
    )


def train(config, build=small.model, checkpoint=None, stop_at=None, pruner=None, mixed=False):
    def log(step, metrics):
        if stop_at is not None and step >= stop_at:
            raise InterruptError

    seeds.seed_everything(4)
    with strategy.scope(config, batch_size=8) as replicas, recipe.precision(mixed):
        model = build()
        strategy.synchronize(model, config)
        if pruner is not None:
            pruner.attach(model)
        result = loop.fit(
            model, small.data(), small.phase(), small.recipe(l2=1e-3),
            seed=6, checkpoint=checkpoint, on_log=log, pruner=pruner,
        )  # fmt: skip
    return replicas, result.history, model.get_weights()


def pruned(config, mixed=False):
    """History and weights of the image net, pruned on the way."""
    pruner = Pruner(Unstructured(), Polynomial(0.2, 0.5, 0, 8, frequency=2))
    return train(config, image_model, pruner=pruner, mixed=mixed)[1:]


def difference(some, others) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(some, others, strict=True))


def compare(some, others) -> dict[str, object]:
    """The largest differences between two of `pruned`, and whether their masks are equal."""
    (history, weights), (other_history, other_weights) = some, others
    values = [[list(one.values()) for one in records] for records in (history, other_history)]
    masks = [[one != 0 for one in all_of if one.ndim > 1] for all_of in (weights, other_weights)]
    return {
        "weights": difference(weights, other_weights),
        "history": difference(*([np.array(one) for one in records] for records in values)),
        "same_masks": all(np.array_equal(a, b) for a, b in zip(*masks, strict=True)),
        "zeros": sum(int((~one).sum()) for one in masks[0]),
    }


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
    with strategy.scope(MIRRORED, batch_size=8) as replicas:
        pass
    alone, mixed = pruned(SINGLE), pruned(SINGLE, mixed=True)
    seeds.seed_everything(4)
    untrained = image_model().get_weights()
    refused = ""
    try:
        strategy.scope(MIRRORED, batch_size=7).__enter__()
    except ConfigError as error:
        refused = str(error)
    return {
        "refused": refused,
        "replicas": replicas,
        "moved": difference(alone[1], untrained),
        "float32": compare(pruned(MIRRORED), alone),
        "apart": compare(pruned(APART), alone),
        "mixed": compare(pruned(MIRRORED, mixed=True), mixed),
        "mixed_apart": compare(pruned(APART, mixed=True), mixed),
    }


if __name__ == "__main__":
    check = {"resume": resume, "share": share}[sys.argv[1]]
    sys.stdout.write(json.dumps(check(Path(sys.argv[2]))) + "\n")
