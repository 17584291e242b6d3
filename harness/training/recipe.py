"""Recipes: from a phase's config to an optimizer and a learning rate."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from harness.config.recipe import OPTIONS
from harness.config.schema import DecayConfig, OptimizerConfig, PhaseConfig, TrainingConfig
from harness.errors import ConfigError
from harness.training import jit
from harness.training.objective import Objective

# Lengths -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Length:
    """How long a phase is: optimizer steps in all, and in one pass over the data."""

    total_steps: int
    steps_per_epoch: int


def length(phase: PhaseConfig, steps_per_epoch: int) -> Length:
    """Steps of a phase.

    Args:
        phase: Its configuration, in epochs or in steps.
        steps_per_epoch: As the data set tells for the batch size.

    Raises:
        ConfigError: If the phase rounds to no step.
    """
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


def phase_rate(phase: PhaseConfig, training: TrainingConfig, length: Length) -> Any:
    """The learning rate of a phase of a recipe; a rewound one repeats the dense phase's end.

    Raises:
        ConfigError: A rewound phase that is longer than the dense one.
    """
    if phase.decay.kind != "rewind":
        return learning_rate(phase.optimizer, phase.decay, length)
    from harness.pruning import RewoundLearningRate

    dense = training.dense
    total = dense.steps or round((dense.epochs or 0) * length.steps_per_epoch)
    if length.total_steps > total:
        raise ConfigError(
            f"training.finetune.decay.kind=rewind: received {length.total_steps} steps; accepted:"
            f" up to the dense phase's {total}, whose rates are repeated"
        )
    whole = Length(total, length.steps_per_epoch)
    rate = learning_rate(dense.optimizer, dense.decay, whole)
    return RewoundLearningRate(rate, total, length.total_steps)


def learning_rate(optimizer: OptimizerConfig, decay: DecayConfig, length: Length) -> Any:
    """A learning rate that falls: a float, or a Keras schedule over a phase's steps."""
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

    from harness.training.adam import Adam

    options = {name: getattr(config, name) for name in OPTIONS}
    given = {name: value for name, value in options.items() if value is not None}
    if "clip_norm" in given:
        given["global_clipnorm"] = given.pop("clip_norm")
    kinds = {
        "adam": Adam,
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
    }
    return kinds[config.name](learning_rate=rate, **given)


def set_l2(model: Any, strength: float | None) -> None:
    """Adds `strength / 2` of each kernel's squared norm to the loss of a built model.

    Which kernels follows the image models' sources (https://github.com/tensorflow/models,
    research/slim): convolutions and dense layers, depthwise kernels, biases and batch
    normalization left out.

    Args:
        model: built; its layers' configs are not changed, so saved models know nothing of it.
        strength: None adds nothing.
    """
    import keras

    from harness.pruning import kernels_of

    if strength is None:
        return
    for kernel in kernels_of(model):
        if kernel.axes is not None and kernel.role != "depthwise":
            kernel.variable.regularizer = keras.regularizers.L2(strength / 2)


def compile_model(
    model: Any, phase: PhaseConfig, training: TrainingConfig, length: Length, objective: Objective
) -> None:
    """Gives a model the optimizer, loss and metrics of a phase, ready for `fit`."""
    rate = phase_rate(phase, training, length)
    set_l2(model, training.l2)
    with model.distribute_strategy.scope():
        model.compile(
            optimizer=make_optimizer(phase.optimizer, rate),
            loss=objective.loss,
            metrics=list(objective.metrics),
            jit_compile=jit.resolve(training.jit_compile),
        )
        model.optimizer.build(model.trainable_variables)
