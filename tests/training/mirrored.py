"""Trains over two logical CPUs, and tells what the test compares (needs a fresh TensorFlow)."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from harness.errors import ConfigError
from harness.models.layers.standard import BatchNorm, Conv2D, Dropout
from harness.pruning import OneShot, Polynomial, Pruner, Unstructured
from harness.training import loop, recipe, seeds, strategy
from harness.training.checkpoint import Checkpoint
from harness.training.optimizer.adam import AdamOptions
from harness.training.optimizer.sgd import SGDOptions
from harness.training.options import StrategyOptions
from harness.training.replicated import by_whole_gradients
from tests.rounding import in_float64
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


def train(config, checkpoint=None, stop_at=None):
    def log(step, metrics):
        if stop_at is not None and step >= stop_at:
            raise InterruptError

    seeds.seed_everything(4)
    with strategy.scope(config, batch_size=8):
        model = small.model()
        strategy.synchronize(model, config)
        result = loop.fit(
            model, small.data(), small.phase(), small.recipe(l2=1e-3),
            seed=6, checkpoint=checkpoint, on_log=log,
        )  # fmt: skip
    return result.history, model.get_weights()


def pruned(config, mixed=False, parts=None):
    """History and weights of the image net, pruned: on the way in float64, or mixed, at its start.

    In mixed precision a rounding would decide which of two weights a later mask keeps. In parts by
    SGD, clipped at each step: Adam's steps are as long whatever the gradient is divided by.
    """
    keras.config.set_floatx("float32" if mixed else "float64")  # of losses
    seeds.seed_everything(4)
    with strategy.scope(config, batch_size=8), recipe.precision(mixed):
        model = image_model() if mixed else in_float64(image_model())
        strategy.synchronize(model, config)
        gradual = Polynomial(0.2, 0.5, 0, 8, frequency=2)
        pruner = Pruner(Unstructured(), OneShot(0.5) if mixed else gradual).attach(model)
        untrained = model.get_weights()
        phase = small.phase(epochs=1 if mixed else 2)
        phase.optimizer = AdamOptions(learning_rate=0.02)
        if parts is not None:
            phase.optimizer = SGDOptions(learning_rate=0.3, clip_norm=0.5)
        training = small.recipe(l2=1e-3, gradient_accumulation=parts)
        result = loop.fit(model, small.data(), phase, training, seed=6, pruner=pruner)
    return result.history, model.get_weights(), difference(model.get_weights(), untrained)


def difference(some, others) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(some, others, strict=True))


def compare(some, others) -> dict[str, object]:
    """How far two of `pruned` are apart and the second went, and whether masks are equal."""
    (history, weights, _), (other_history, other_weights, moved) = some, others
    values = [[list(one.values()) for one in records] for records in (history, other_history)]
    masks = [[one != 0 for one in all_of if one.ndim > 1] for all_of in (weights, other_weights)]
    return {
        "moved": moved,
        "weights": difference(weights, other_weights),
        "history": difference(*([np.array(one) for one in records] for records in values)),
        "same_masks": all(np.array_equal(a, b) for a, b in zip(*masks, strict=True)),
        "zeros": sum(int((~one).sum()) for one in masks[0]),
    }


def resume(folder: Path) -> dict[str, object]:
    """A run interrupted in its second segment, against one that was not."""
    checkpoint = Checkpoint(folder / "state")
    history, weights = train(MIRRORED)
    try:
        train(MIRRORED, checkpoint=checkpoint, stop_at=8)
    except InterruptError:
        stored = checkpoint.load()
    resumed_history, resumed = train(MIRRORED, checkpoint=checkpoint)
    return {
        "stored": stored.step,
        "difference": difference(weights, resumed),
        "same_history": history == resumed_history,
    }


def share() -> dict[str, object]:
    """Two devices against one, on the same batches."""
    with strategy.scope(MIRRORED, batch_size=8) as replicas:
        pass
    alone, mixed = pruned(SINGLE), pruned(SINGLE, mixed=True)
    refused = ""
    try:
        strategy.scope(MIRRORED, batch_size=7).__enter__()
    except ConfigError as error:
        refused = str(error)
    return {
        "refused": refused,
        "replicas": replicas,
        "exact": compare(pruned(MIRRORED), alone),
        "apart": compare(pruned(APART), alone),
        "mixed": compare(pruned(MIRRORED, mixed=True), mixed),
        "mixed_apart": compare(pruned(APART, mixed=True), mixed),
    }


def in_parts() -> dict[str, object]:
    """Two devices against one, a batch in two parts."""
    with strategy.scope(MIRRORED, batch_size=8):
        pass
    return {
        name: compare(*(pruned(one, mixed, parts=2) for one in (MIRRORED, SINGLE)))
        for name, mixed in (("exact", False), ("mixed", True))
    }


def overflowing_part() -> dict[str, object]:
    """In float16, two batches of eight in two parts; the second part of one replica's overflows.

    One example does it, so each epoch has one batch that is skipped and one that is not; where in
    its batch it lies is the order's say.
    """
    with strategy.scope(MIRRORED, batch_size=8):
        pass
    keras.config.set_floatx("float32")
    examples = small.data(16)
    inputs = examples.train_split.inputs.astype(np.float32)
    inputs[3] = 200 * 255  # its loss is finite, its scaled gradient is not
    split = dataclasses.replace(examples.train_split, inputs=inputs)
    found: dict[str, object] = {"where": _places(split)}
    for name, config in (("mirrored", MIRRORED), ("single", SINGLE)):
        seeds.seed_everything(4)
        with strategy.scope(config, batch_size=4), recipe.precision(True, [(7, 5)]):
            layers = [keras.layers.Flatten(), keras.layers.Dense(2)]
            model = keras.Sequential([keras.Input((6, 6, 1)), *layers])
        model.set_weights([np.zeros_like(weights) for weights in model.get_weights()])
        pruner = Pruner(Unstructured(), Polynomial(0.2, 0.7, 1, 3, frequency=1)).attach(model)
        phase = small.phase(epochs=3)
        phase.optimizer = AdamOptions(learning_rate=1e-5)
        training = small.recipe(gradient_accumulation=2)
        data = dataclasses.replace(examples, train_split=split)
        steps = loop.fit(model, data, phase, training, seed=SEED, pruner=pruner).steps
        optimizer, share = model.optimizer, model.distribute_strategy
        copies = [
            [np.asarray(one) for one in share.experimental_local_results(v.value)]
            for v in model.variables
        ]
        found[name] = {
            "steps": steps,
            "updates": int(number(optimizer.inner_optimizer.iterations)),
            "pruner": int(pruner.step),
            "fell": optimizer.initial_scale / number(optimizer.dynamic_scale),
            "finite": all(np.isfinite(one).all() for each in copies for one in each),
            "apart": max(float(np.abs(each[0] - each[-1]).max()) for each in copies),
            "weights": model.get_weights(),
        }
    return found


def number(variable) -> float:
    return float(tf.convert_to_tensor(variable.value))


#: Of the order of `overflowing_part`: with it the example lies in a second part at least once.
SEED = 5


def _places(split) -> list[tuple[int, int]]:
    """Part and replica of the example that overflows, in each of three epochs."""
    data = dataclasses.replace(small.data(16), train_split=split)
    batches = data.train(8, seeds.derive(SEED, "order"), 0)
    found = []
    for inputs, _ in batches.take(6).as_numpy_iterator():
        loud = np.flatnonzero(np.abs(inputs).reshape(8, -1).max(1) > 100)
        found += [(int(at) // 4, int(at) % 4 // 2) for at in loud]
    return found


def updates() -> dict[str, object]:
    """What is left of a weight of two after an update by gradients that each replica has its own.

    The gradients add up to (0, 5); the clipped one's norm is bounded by 1. Of the scaled ones that
    of the second device overflows in the first update.
    """
    with strategy.scope(MIRRORED, batch_size=2):
        found = {}
        for name, optimizer, gradients in (
            ("clipped", keras.optimizers.SGD(1.0, global_clipnorm=1.0), [(3.0, 1.0), (-3.0, 4.0)]),
            ("overflow", scaled(), [(3.0, 1.0), (float("inf"), 4.0)]),
            ("scaled", scaled(), [(3.0, 1.0), (-3.0, 4.0)]),
        ):
            found[name] = after(optimizer, gradients)
    return found


def scaled():
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=2.0)


def after(optimizer, gradients):
    weight = keras.Variable(np.zeros(2, np.float32), name="weight")
    optimizer.build([weight])
    by_whole_gradients(optimizer)
    distribution = tf.distribute.get_strategy()

    def update():
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        optimizer.apply([tf.gather(tf.constant(gradients), number)], [weight])

    tf.function(lambda: distribution.run(update))()
    copies = distribution.experimental_local_results(weight.value)
    scale = getattr(optimizer, "dynamic_scale", None)
    scale = None if scale is None else number(scale)
    return [copy.numpy().tolist() for copy in copies], scale
