"""Recipes: from a phase's config to an optimizer and a learning rate."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness.errors import ConfigError
from harness.training import devices, jit
from harness.training.length import Length
from harness.training.objective import Objective
from harness.training.optimizer.base import OptimizerOptions
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


#: The compute capability from which on GPUs have bfloat16, Ampere's
#: (https://docs.nvidia.com/cuda/cuda-c-programming-guide/#arithmetic-instructions).
_BFLOAT16 = (8, 0)


def policy(mixed: bool, capabilities: Sequence[tuple[int, int] | None]) -> str:
    """Keras' dtype policy of a recipe.

    bfloat16 has float32's range. float16 has not: Keras scales the loss then, and skips updates
    whose gradients overflow.

    Args:
        mixed: `training.mixed_precision`.
        capabilities: of the GPUs to train on, None where not known; none on a CPU.
    """
    if not mixed:
        return "float32"
    narrow = any(found is None or found < _BFLOAT16 for found in capabilities)
    return "mixed_float16" if narrow else "mixed_bfloat16"


@contextmanager
def precision(
    mixed: bool, capabilities: Sequence[tuple[int, int] | None] | None = None
) -> Iterator[str]:
    """Builds models in mixed precision within the block; yields the policy's name.

    bfloat16 on any CPU: without AVX-512 TensorFlow takes Eigen's kernels in place of oneDNN's,
    which have no bfloat16 there. A step of the MNIST net then takes 6 times the CPU time of
    float32; where the CPU has bfloat16, two thirds of it.

    Args:
        mixed: `training.mixed_precision`.
        capabilities: as of `policy`; None asks this machine's GPUs.
    """
    import keras

    before = keras.config.dtype_policy()
    if mixed and capabilities is None:
        capabilities = devices.capabilities()
    chosen = policy(mixed, capabilities or ())
    keras.config.set_dtype_policy(chosen)
    try:
        yield chosen
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
            optimizer=_accumulating(phase.optimizer, rate, training.parts),
            loss=objective.loss,
            metrics=list(objective.metrics),
            jit_compile=jit.resolve(training.jit_compile),
            steps_per_execution=training.steps_per_execution or 1,
        )
        model.optimizer.build(model.trainable_variables)
        if model.distribute_strategy.num_replicas_in_sync > 1:
            from harness.training.replicated import by_whole_gradients

            by_whole_gradients(model.optimizer)


def computed(model: Any) -> str:
    """How a compiled model computes its training steps, which need not be how others do.

    Its precision, and what else but TensorFlow's own graph had a part: `float32, XLA`, say.
    """
    by_cudnn = any(getattr(layer, "by_cudnn", False) for layer in model._flatten_layers())
    ways = {"XLA": model.jit_compile is True, "cuDNN's LSTM": by_cudnn}
    return ", ".join([model.dtype_policy.name, *(way for way, taken in ways.items() if taken)])


def _accumulating(options: OptimizerOptions, rate: Any, parts: int) -> Any:
    """The optimizer; with several parts a batch, one that updates once all have been seen."""
    if parts == 1:
        return options.optimizer(rate)
    if callable(rate):
        from harness.training.accumulation import RateOfUpdates

        rate = RateOfUpdates(rate, parts)
    optimizer = options.optimizer(rate)
    optimizer.gradient_accumulation_steps = parts
    return optimizer
