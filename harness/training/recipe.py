"""Recipes: from a phase's config to an optimizer and a learning rate."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.errors import ConfigError
from harness.training import jit
from harness.training.length import Length
from harness.training.objective import Objective
from harness.training.options import PhaseOptions, TrainingOptions


def length(phase: PhaseOptions, steps_per_epoch: int) -> Length:
    """Steps of a phase.

    Args:
        phase: Its configuration, in epochs or in steps.
        steps_per_epoch: As the data set tells for the batch size.

    Raises:
        ConfigError: If the phase rounds to no step.
    """
    total = phase.total_steps(steps_per_epoch)
    if total < 1:
        raise ConfigError(
            f"epochs={phase.epochs}, steps={phase.steps}: less than one step of"
            f" {steps_per_epoch} an epoch"
        )
    return Length(total, steps_per_epoch)


@contextmanager
def precision(mixed: bool) -> Iterator[str]:
    """Builds models in mixed precision within the block; yields the policy's name.

    float16 on a GPU, bfloat16 elsewhere, on any CPU: without AVX-512 TensorFlow takes Eigen's
    kernels in place of oneDNN's, which have no bfloat16 there. A step of the MNIST net then takes
    6 times the CPU time of float32; where the CPU has bfloat16, two thirds of it.
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


def phase_rate(phase: PhaseOptions, training: TrainingOptions, length: Length) -> Any:
    """The learning rate of a phase of a recipe; a rewound one repeats the dense phase's end.

    Raises:
        ConfigError: A rewound phase that is longer than the dense one.
    """
    if not phase.decay.rewinds:
        return phase.decay.schedule(phase.optimizer.learning_rate, length)
    from harness.pruning import RewoundLearningRate

    dense = training.dense
    total = dense.total_steps(length.steps_per_epoch)
    if length.total_steps > total:
        raise ConfigError(
            f"training.finetune.decay.kind=rewind: received {length.total_steps} steps; accepted:"
            f" up to the dense phase's {total}, whose rates are repeated"
        )
    whole = Length(total, length.steps_per_epoch)
    rate = dense.decay.schedule(dense.optimizer.learning_rate, whole)
    return RewoundLearningRate(rate, total, length.total_steps)


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
    model: Any, phase: PhaseOptions, training: TrainingOptions, length: Length, objective: Objective
) -> None:
    """Gives a model the optimizer, loss and metrics of a phase, ready for `fit`."""
    rate = phase_rate(phase, training, length)
    set_l2(model, training.l2)
    with model.distribute_strategy.scope():
        model.compile(
            optimizer=phase.optimizer.optimizer(rate),
            loss=objective.loss,
            metrics=list(objective.metrics),
            jit_compile=jit.resolve(training.jit_compile),
        )
        model.optimizer.build(model.trainable_variables)
