"""Recipes: from a phase's config to an optimizer, a learning rate, a loss and metrics."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from harness.config.schema import DecayConfig, OptimizerConfig, PhaseConfig, TrainingConfig
from harness.errors import ConfigError
from harness.training import jit

#: optimizer name -> the options that it uses, beside its learning rate
OPTIMIZERS = {
    "adam": ("epsilon", "weight_decay", "clip_norm"),
    "sgd": ("momentum", "weight_decay", "clip_norm"),
    "rmsprop": ("rho", "momentum", "epsilon", "weight_decay", "clip_norm"),
}
DECAYS = ("constant", "cosine", "exponential", "piecewise")
STARTS = ("dense", "scratch")

_OPTIONS = ("momentum", "rho", "epsilon", "weight_decay", "clip_norm")


# Checking ----------------------------------------------------------------------------


def check(training: TrainingConfig) -> None:
    """Refuses a recipe that cannot be followed; needs no TensorFlow.

    Raises:
        ConfigError: Naming the key, what was received and what is accepted.
    """
    _need("training.batch_size", training.batch_size, training.batch_size >= 1, "at least 1")
    smoothing = training.label_smoothing
    _need("training.label_smoothing", smoothing, 0 <= smoothing < 1, "a number in [0, 1)")
    compiled = training.jit_compile
    _need("training.jit_compile", compiled, compiled in jit.SETTINGS, _any_of(jit.SETTINGS))
    every = training.checkpoint_epochs
    _need("training.checkpoint_epochs", every, every > 0, "more than 0")
    _need("training.log_every", training.log_every, training.log_every >= 1, "at least 1")
    start = training.finetune.start
    _need("training.finetune.start", start, start in STARTS, _any_of(STARTS))
    check_phase(training.dense, "training.dense")
    check_phase(training.finetune, "training.finetune")


def check_phase(phase: PhaseConfig, key: str) -> None:
    """Refuses an impossible phase; `key` is where it stands in the config.

    Raises:
        ConfigError: Naming the key, what was received and what is accepted.
    """
    lengths = {"epochs": phase.epochs, "steps": phase.steps}
    given = {name: value for name, value in lengths.items() if value is not None}
    if len(given) != 1:
        raise ConfigError(
            f"{key}: epochs={phase.epochs}, steps={phase.steps}; give exactly one of them"
        )
    for name, value in given.items():
        _need(f"{key}.{name}", value, value > 0, "more than 0")
    _check_optimizer(phase.optimizer, f"{key}.optimizer")
    _check_decay(phase.decay, f"{key}.decay")


def _check_optimizer(optimizer: OptimizerConfig, key: str) -> None:
    name = optimizer.name
    _need(f"{key}.name", name, name in OPTIMIZERS, _any_of(OPTIMIZERS))
    rate = optimizer.learning_rate
    _need(f"{key}.learning_rate", rate, 0 < rate < math.inf, "a finite number above 0")
    for option in _OPTIONS:
        value = getattr(optimizer, option)
        if value is None:
            continue
        if option not in OPTIMIZERS[name]:
            accepted = ", ".join(OPTIMIZERS[name])
            raise ConfigError(f"{key}.{option}={value}: {name} does not use it; it uses {accepted}")
        if option in ("momentum", "rho"):
            _need(f"{key}.{option}", value, 0 <= value < 1, "a number in [0, 1)")
        elif option == "weight_decay":
            _need(f"{key}.{option}", value, value >= 0, "a number of at least 0")
        else:
            _need(f"{key}.{option}", value, value > 0, "a number above 0")


def _check_decay(decay: DecayConfig, key: str) -> None:
    _need(f"{key}.kind", decay.kind, decay.kind in DECAYS, _any_of(DECAYS))
    _need(f"{key}.alpha", decay.alpha, 0 <= decay.alpha <= 1, "a number in [0, 1]")
    _need(f"{key}.rate", decay.rate, 0 < decay.rate <= 1, "a number in (0, 1]")
    _need(f"{key}.every", decay.every, decay.every > 0, "a number of epochs above 0")
    if decay.kind != "piecewise":
        return
    boundaries, factors = list(decay.boundaries), list(decay.factors)
    ascending = all(a < b for a, b in zip([0, *boundaries], boundaries, strict=False))
    _need(
        f"{key}.boundaries", boundaries, bool(boundaries) and ascending, "ascending steps above 0"
    )
    same = len(factors) == len(boundaries) and all(factor > 0 for factor in factors)
    _need(f"{key}.factors", factors, same, "a factor above 0 for each boundary")


def _need(key: str, value: object, holds: bool, accepted: str) -> None:
    if not holds:
        raise ConfigError(f"{key}={value}: needs {accepted}")


def _any_of(names: Any) -> str:
    return "one of " + ", ".join(names)


# Lengths -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Length:
    """How long a phase is: optimizer steps in all, and in one pass over the data."""

    total_steps: int
    steps_per_epoch: int


def length(phase: PhaseConfig, num_train: int, batch_size: int) -> Length:
    """Steps of a phase; an epoch is as many whole batches as the training split holds.

    Raises:
        ConfigError: If the split does not fill one batch, or the phase rounds to no step.
    """
    steps_per_epoch = num_train // batch_size
    if not steps_per_epoch:
        raise ConfigError(
            f"training.batch_size={batch_size}: there are {num_train} training examples;"
            " choose a batch size up to that"
        )
    total = phase.steps if phase.steps is not None else round((phase.epochs or 0) * steps_per_epoch)
    if total < 1:
        raise ConfigError(
            f"epochs={phase.epochs}, steps={phase.steps}: less than one step of"
            f" {steps_per_epoch} an epoch"
        )
    return Length(total, steps_per_epoch)


# Building ----------------------------------------------------------------------------


@contextmanager
def precision(mixed: bool) -> Iterator[str]:
    """Builds models in mixed precision within the block; yields the policy's name.

    float16 on a GPU, bfloat16 elsewhere (CPUs compute it natively or not at all).
    """
    import keras
    import tensorflow as tf

    before = keras.config.dtype_policy()
    policy = "float32"
    if mixed:
        gpu = bool(tf.config.list_physical_devices("GPU"))
        policy = "mixed_float16" if gpu else "mixed_bfloat16"
    keras.config.set_dtype_policy(policy)
    try:
        yield policy
    finally:
        keras.config.set_dtype_policy(before)


def learning_rate(optimizer: OptimizerConfig, decay: DecayConfig, length: Length) -> Any:
    """The learning rate of a phase: a float, or a Keras schedule over its steps."""
    import keras

    initial = optimizer.learning_rate
    schedules = keras.optimizers.schedules
    if decay.kind == "cosine":
        return schedules.CosineDecay(initial, length.total_steps, alpha=decay.alpha)
    if decay.kind == "exponential":
        every = max(1, round(decay.every * length.steps_per_epoch))
        return schedules.ExponentialDecay(initial, every, decay.rate, staircase=True)
    if decay.kind == "piecewise":
        # Keras moves on after a boundary; ours names the first step of the new rate.
        boundaries = [boundary - 1 for boundary in decay.boundaries]
        rates = [initial, *(initial * factor for factor in decay.factors)]
        return schedules.PiecewiseConstantDecay(boundaries, rates)
    return initial


def make_optimizer(config: OptimizerConfig, rate: Any) -> Any:
    """A Keras optimizer with learning rate (or schedule) `rate`.

    `weight_decay` is Keras' decoupled one; `clip_norm` bounds the norm of all gradients
    together.
    """
    import keras

    options = {name: getattr(config, name) for name in _OPTIONS}
    given = {name: value for name, value in options.items() if value is not None}
    if "clip_norm" in given:
        given["global_clipnorm"] = given.pop("clip_norm")
    kinds = {
        "adam": keras.optimizers.Adam,
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
    }
    return kinds[config.name](learning_rate=rate, **given)


def make_loss(label_smoothing: float) -> Any:
    """Cross-entropy from logits against integer labels, smoothed if asked.

    Smoothing mixes the true class with the uniform distribution
    (Szegedy et al., https://arxiv.org/abs/1512.00567, section 7).
    """
    import keras

    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if not label_smoothing:
        return plain

    def smoothed(labels: Any, logits: Any) -> Any:
        uniform = -keras.ops.mean(keras.ops.log_softmax(logits), axis=-1)
        return (1.0 - label_smoothing) * plain.call(labels, logits) + label_smoothing * uniform

    return smoothed


def compile_model(model: Any, phase: PhaseConfig, training: TrainingConfig, length: Length) -> None:
    """Gives a model the optimizer, loss and metrics of a phase, ready for `fit`."""
    import keras

    rate = learning_rate(phase.optimizer, phase.decay, length)
    with model.distribute_strategy.scope():
        model.compile(
            optimizer=make_optimizer(phase.optimizer, rate),
            loss=make_loss(training.label_smoothing),
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            jit_compile=jit.resolve(training.jit_compile),
        )
        model.optimizer.build(model.trainable_variables)
