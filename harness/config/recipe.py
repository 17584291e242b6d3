"""What a recipe may say: refused before TensorFlow is imported."""

import math
from pathlib import Path

from harness.config.schema import DecayConfig, OptimizerConfig, PhaseConfig, TrainingConfig
from harness.errors import ConfigError
from harness.options import need, one_of

#: optimizer name -> the options that it uses, beside its learning rate
OPTIMIZERS = {
    "adam": ("epsilon", "weight_decay", "clip_norm"),
    "sgd": ("momentum", "weight_decay", "clip_norm"),
    "rmsprop": ("rho", "momentum", "epsilon", "weight_decay", "clip_norm"),
}
DECAYS = ("constant", "cosine", "exponential", "piecewise")
FINETUNE_DECAYS = (*DECAYS, "rewind")
STARTS = ("dense", "scratch")
WEIGHT_FILES = (".keras", ".h5")

OPTIONS = ("momentum", "rho", "epsilon", "weight_decay", "clip_norm")
JIT = ("auto", "always", "never")
#: The patterns (and their absence) whose masks XLA can select.
XLA_PATTERNS = ("none", "n_m")


def check_training(training: TrainingConfig) -> None:
    """Refuses a recipe that cannot be followed; needs no TensorFlow.

    Raises:
        ConfigError: Naming the key, what was received and what is accepted.
    """
    need("training.batch_size", training.batch_size, training.batch_size >= 1, "1 or more")
    smoothing = training.label_smoothing
    need("training.label_smoothing", smoothing, 0 <= smoothing < 1, "a number in [0, 1)")
    compiled = training.jit_compile
    one_of("training.jit_compile", compiled, JIT)
    every = training.checkpoint_epochs
    need("training.checkpoint_epochs", every, every > 0, "a number above 0")
    need("training.log_every", training.log_every, training.log_every >= 1, "1 or more")
    pull = training.l2
    need("training.l2", pull, pull is None or pull > 0, "a number above 0, or null")
    if training.dense_weights is not None:
        _check_dense_weights(training.dense_weights)
    start = training.finetune.start
    one_of("training.finetune.start", start, STARTS)
    check_phase(training.dense, "training.dense")
    check_phase(training.finetune, "training.finetune", FINETUNE_DECAYS)
    if training.finetune.decay.kind == "rewind":
        _check_rewind(training)


def check_phase(phase: PhaseConfig, key: str, decays: tuple[str, ...] = DECAYS) -> None:
    """Refuses an impossible phase; `key` is where it stands in the config.

    Raises:
        ConfigError: Naming the key, what was received and what is accepted.
    """
    lengths = {"epochs": phase.epochs, "steps": phase.steps}
    given = {name: value for name, value in lengths.items() if value is not None}
    if len(given) != 1:
        raise ConfigError(
            f"{key}: received epochs={phase.epochs}, steps={phase.steps}; accepted: exactly one "
            f"of them (the other null: {key}.epochs=null)"
        )
    for name, value in given.items():
        need(f"{key}.{name}", value, value > 0, "a number above 0")
    _check_optimizer(phase.optimizer, f"{key}.optimizer")
    one_of(f"{key}.decay.kind", phase.decay.kind, decays)
    _check_decay(phase.decay, f"{key}.decay")


def _check_optimizer(optimizer: OptimizerConfig, key: str) -> None:
    name = optimizer.name
    one_of(f"{key}.name", name, OPTIMIZERS)
    rate = optimizer.learning_rate
    need(f"{key}.learning_rate", rate, 0 < rate < math.inf, "a finite number above 0")
    for option in OPTIONS:
        value = getattr(optimizer, option)
        if value is None:
            continue
        if option not in OPTIMIZERS[name]:
            accepted = ", ".join(OPTIMIZERS[name])
            raise ConfigError(
                f"{key}.{option}: received {value}, which {name} does not use; accepted with "
                f"{name}: {accepted}"
            )
        if option in ("momentum", "rho"):
            need(f"{key}.{option}", value, 0 <= value < 1, "a number in [0, 1)")
        elif option == "weight_decay":
            need(f"{key}.{option}", value, value >= 0, "0 or more")
        else:
            need(f"{key}.{option}", value, value > 0, "a number above 0")


def _check_decay(decay: DecayConfig, key: str) -> None:
    need(f"{key}.alpha", decay.alpha, 0 <= decay.alpha <= 1, "a number in [0, 1]")
    need(f"{key}.rate", decay.rate, 0 < decay.rate <= 1, "a number in (0, 1]")
    need(f"{key}.every", decay.every, decay.every > 0, "a number of epochs above 0")
    if decay.kind != "piecewise":
        return
    boundaries, factors = list(decay.boundaries), list(decay.factors)
    ascending = all(a < b for a, b in zip([0, *boundaries], boundaries, strict=False))
    need(f"{key}.boundaries", boundaries, bool(boundaries) and ascending, "ascending steps above 0")
    same = len(factors) == len(boundaries) and all(factor > 0 for factor in factors)
    need(f"{key}.factors", factors, same, "a factor above 0 for each boundary")


def _check_rewind(training: TrainingConfig) -> None:
    """Rewinding repeats the end of the dense phase, so it needs one, and one as long."""
    dense, finetune = training.dense, training.finetune
    if finetune.start != "dense":
        raise ConfigError(
            f"training.finetune.decay.kind: received rewind with start={finetune.start}; accepted: "
            "rewind with start=dense, whose rates are repeated"
        )
    if training.dense_weights is not None:
        raise ConfigError(
            "training.finetune.decay.kind: received rewind with dense_weights, whose training is "
            "not known; accepted: constant, cosine, exponential, piecewise"
        )
    for unit in ("epochs", "steps"):
        whole, last = getattr(dense, unit), getattr(finetune, unit)
        if whole is not None and last is not None and last > whole:
            raise ConfigError(
                f"training.finetune.{unit}: received {last:g} with decay.kind=rewind; accepted: up "
                f"to the dense phase's, {whole:g}"
            )


def _check_dense_weights(path: str) -> None:
    found = Path(path)
    fits = found.is_file() and found.suffix in WEIGHT_FILES
    need("training.dense_weights", path, fits, f"a file that is there, {' or '.join(WEIGHT_FILES)}")
