"""From a cell's sparsity config to a pruner, and what a model looks like under it."""

from typing import Any

from harness.config.schema import MethodConfig, ScheduleConfig, ScopeConfig, SparsityConfig
from harness.config.sparsity import N_OF_M
from harness.pruning import (
    ERK,
    NM,
    SRSTE,
    AllButFirstAndLast,
    AllKernels,
    Block,
    ByName,
    Constant,
    Cosine,
    Global,
    GradualNM,
    Magnitude,
    Method,
    Movement,
    OneShot,
    PermutationReport,
    Polynomial,
    Pruner,
    Random,
    RigL,
    Schedule,
    Score,
    StraightThrough,
    Summary,
    Uniform,
    Unstructured,
    permute_channels,
)

_ALLOCATIONS: dict[str, type[Any]] = {"uniform": Uniform, "global": Global, "erk": ERK}
_POLICIES = {"all_kernels": AllKernels, "all_but_first_and_last": AllButFirstAndLast}


def from_config(config: SparsityConfig, total_steps: int, seed: int = 0) -> Pruner | None:
    """The pruner of a sparse cell; None for a dense one.

    Args:
        config: validated.
        total_steps: optimizer steps of the fine-tuning phase; a schedule in fractions is
            laid over them.
        seed: of random scores, in [0, 2**31); cells of other seeds prune other weights.

    Raises:
        PruningError: axes that do not go together.
    """
    if config.pattern.kind == "none":
        return None
    schedule = _schedule(config.schedule, _target(config), total_steps)
    return Pruner(
        pattern=_pattern(config),
        schedule=schedule,
        score=_score(config.score, seed),
        allocation=_ALLOCATIONS[config.allocation](),
        scope=_scope(config.scope),
        method=_method(config.method, schedule),
    )


def permute(model: Any, pruner: Pruner, config: SparsityConfig) -> PermutationReport | None:
    """Reorders a trained model's channels, if the cell's method is to do so.

    Args:
        model: with the dense baseline's weights, without the pruner.
        pruner: from `from_config`, not yet attached.
        config: the cell's sparsity.

    Returns:
        What it gained; None if the method is another.

    Raises:
        PruningError: a model whose channels cannot be followed.
    """
    if config.method.kind != "permutation":
        return None
    assert isinstance(pruner.pattern, NM)  # validated
    return permute_channels(model, pruner.pattern, pruner.scope)


def summarize(model: Any, pruner: Pruner | None) -> Summary:
    """Every weight of a model: pruned, or why not. A dense model counts all kernels prunable.

    Args:
        model: built; with the pruner attached, if there is one.
        pruner: None for a dense model.
    """
    if pruner is not None:
        return pruner.summary()
    return Pruner(pattern=Unstructured(), schedule=Constant(0.0)).preview(model)


def _target(config: SparsityConfig) -> float:
    if config.pattern.kind in N_OF_M:
        return 1 - config.pattern.n / config.pattern.m
    assert config.target is not None  # validated
    return config.target


def _pattern(config: SparsityConfig) -> Any:
    pattern = config.pattern
    if pattern.kind == "n_m":
        return NM(pattern.n, pattern.m)
    if pattern.kind == "gradual_n_m":
        return GradualNM(pattern.n, pattern.m)
    if pattern.kind == "block":
        return Block((pattern.shape[0], pattern.shape[1]), pattern.pooling)
    return Unstructured()


def _score(name: str, seed: int) -> Score:
    if name == "random":
        return Random(seed)
    return Movement() if name == "movement" else Magnitude()


def _method(config: MethodConfig, schedule: Schedule) -> Method | None:
    if config.kind == "straight_through":
        return StraightThrough(config.update_pruned)
    if config.kind == "sr_ste":
        return SRSTE(config.decay)
    if config.kind == "rigl":
        return RigL(schedule.last_step, config.alpha)
    return None


def _schedule(config: ScheduleConfig, target: float, total_steps: int) -> Schedule:
    whole = total_steps if config.unit == "fraction" else 1
    begin, end = round(config.begin * whole), round(config.end * whole)
    if config.kind == "one_shot":
        return OneShot(target, begin)
    if config.kind == "constant":
        return Constant(target, begin, end, config.frequency)
    if config.kind == "cosine":
        return Cosine(config.initial, target, begin, end, config.frequency)
    return Polynomial(
        config.initial, target, begin, end, frequency=config.frequency, power=config.power
    )


def _scope(config: ScopeConfig) -> Any:
    scope = _POLICIES[config.policy]()
    if config.include or config.exclude:
        scope = scope & ByName(*(config.include or ["*"]), exclude=config.exclude)
    return scope
