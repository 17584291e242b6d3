"""What a cell's sparsity may ask for: refused before TensorFlow is imported."""

from fractions import Fraction

from harness.config.schema import MethodConfig, ScheduleConfig, SparsityConfig
from harness.errors import ConfigError
from harness.options import need, one_of

#: Patterns that set their own sparsity, 1 - n/m.
N_OF_M = ("n_m", "gradual_n_m")
PATTERNS = ("none", "unstructured", *N_OF_M, "block")
POOLINGS = ("average", "max")
SCORES = ("magnitude", "random", "movement")
ALLOCATIONS = ("uniform", "global", "erk")
#: Pattern -> the schedules that it follows; the others follow any.
N_OF_M_SCHEDULES = {"n_m": ("one_shot", "constant"), "gradual_n_m": ("polynomial", "cosine")}
SCHEDULES = ("constant", "polynomial", "one_shot", "cosine")
UNITS = ("fraction", "step")
POLICIES = ("all_kernels", "all_but_first_and_last")
#: Method -> the patterns and the schedules that it works with.
METHODS = {
    "permutation": (N_OF_M, SCHEDULES),
    "straight_through": (PATTERNS[1:], ("constant", "polynomial", "cosine")),
    "sr_ste": (PATTERNS[1:], ("constant", "polynomial", "cosine")),
    "rigl": (("unstructured", "block"), ("constant", "polynomial", "cosine")),
}


def check_sparsity(sparsity: SparsityConfig, start: str) -> None:
    """Refuses axes out of range, and axes that do not go together.

    Args:
        sparsity: a cell's sparsity.
        start: `training.finetune.start`: dense or scratch.

    Raises:
        ConfigError: names the key, what was received and what is accepted.
    """
    pattern = sparsity.pattern
    one_of("sparsity.pattern.kind", pattern.kind, PATTERNS)
    one_of("sparsity.score", sparsity.score, SCORES)
    one_of("sparsity.allocation", sparsity.allocation, ALLOCATIONS)
    one_of("sparsity.scope.policy", sparsity.scope.policy, POLICIES)
    if (sparsity.name == "dense") != (pattern.kind == "none"):
        raise ConfigError(
            f"sparsity.pattern.kind: received {pattern.kind} with sparsity={sparsity.name}; "
            "accepted: none with sparsity=dense, and only there"
        )
    _method(sparsity.method)
    if pattern.kind == "none":
        if sparsity.target is not None:
            raise ConfigError(
                f"sparsity.target: received {sparsity.target:g} with a dense pattern; accepted: "
                "nothing, or choose sparsity=random"
            )
        kind = sparsity.method.kind
        need("sparsity.method.kind", kind, kind is None, "null with sparsity=dense")
        _schedule(sparsity.schedule, None)
        return
    if pattern.kind in N_OF_M:
        _n_of_m(sparsity)
    elif sparsity.target is None or not 0 <= sparsity.target < 1:
        raise ConfigError(
            f"sparsity.target: received {sparsity.target}; accepted: a fraction in [0, 1), "
            "e.g. 0.75 for three weights of four set to zero"
        )
    if pattern.kind == "block":
        shape = list(pattern.shape)
        two_sides = len(shape) == 2 and all(side >= 1 for side in shape)
        need("sparsity.pattern.shape", shape, two_sides, "[inputs, outputs], e.g. [4, 1]")
        one_of("sparsity.pattern.pooling", pattern.pooling, POOLINGS)
    _schedule(sparsity.schedule, None if pattern.kind == "n_m" else _final(sparsity))
    _together(sparsity, start)


def _final(sparsity: SparsityConfig) -> float:
    if sparsity.pattern.kind in N_OF_M:
        return 1 - sparsity.pattern.n / sparsity.pattern.m
    assert sparsity.target is not None  # refused above
    return sparsity.target


def _n_of_m(sparsity: SparsityConfig) -> None:
    kind, n, m = sparsity.pattern.kind, sparsity.pattern.n, sparsity.pattern.m
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
    if sparsity.schedule.kind not in N_OF_M_SCHEDULES[kind]:
        others = " or ".join(
            f"{', '.join(schedules)} with sparsity.pattern.kind={pattern}"
            for pattern, schedules in N_OF_M_SCHEDULES.items()
        )
        raise ConfigError(
            f"sparsity.schedule.kind: received {sparsity.schedule.kind} with an N:M pattern "
            f"({kind}); accepted: {others}"
        )
    if sparsity.allocation != "uniform":
        raise ConfigError(
            f"sparsity.allocation: received {sparsity.allocation} with an N:M pattern, which "
            "fixes every layer's share; accepted: uniform"
        )


def _schedule(schedule: ScheduleConfig, target: float | None) -> None:
    key = "sparsity.schedule"
    one_of(f"{key}.kind", schedule.kind, SCHEDULES)
    one_of(f"{key}.unit", schedule.unit, UNITS)
    need(f"{key}.frequency", schedule.frequency, schedule.frequency >= 1, "1 or more steps")
    need(f"{key}.power", schedule.power, schedule.power > 0, "a number above 0")
    need(f"{key}.begin", schedule.begin, schedule.begin >= 0, "0 or more")
    if schedule.unit == "fraction" and (schedule.begin > 1 or schedule.end > 1):
        raise ConfigError(
            f"{key}: received begin={schedule.begin:g}, end={schedule.end:g}; accepted with "
            f"unit=fraction: 0 to 1 (for steps: {key}.unit=step)"
        )
    if schedule.unit == "step":
        for name in ("begin", "end"):
            step = getattr(schedule, name)
            whole = float(step).is_integer()
            need(f"{key}.{name}", step, whole, "a whole number of steps with unit=step")
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


def _method(method: MethodConfig) -> None:
    if method.kind is not None:
        one_of("sparsity.method.kind", method.kind, METHODS)
    need("sparsity.method.decay", method.decay, method.decay >= 0, "0 or more")
    need("sparsity.method.alpha", method.alpha, 0 < method.alpha <= 1, "a share in (0, 1]")


def _together(sparsity: SparsityConfig, start: str) -> None:
    """What a method or a score needs of the other axes."""
    kind, schedule = sparsity.method.kind, sparsity.schedule
    if sparsity.score == "movement" and not schedule.begin > 0:
        raise ConfigError(
            f"sparsity.schedule.begin: received {schedule.begin:g} with score=movement, which "
            "needs gradients before its first mask; accepted: above 0, e.g. 0.05"
        )
    if kind is None:
        return
    patterns, schedules = METHODS[kind]
    for key, value, accepted in (
        ("sparsity.pattern.kind", sparsity.pattern.kind, patterns),
        ("sparsity.schedule.kind", schedule.kind, schedules),
    ):
        if value not in accepted:
            raise ConfigError(
                f"{key}: received {value} with method.kind={kind}; accepted: {', '.join(accepted)}"
            )
    if kind == "rigl" and (schedule.begin != 0 or schedule.end <= 0):
        raise ConfigError(
            f"sparsity.schedule: received begin={schedule.begin:g}, end={schedule.end:g} with "
            "method.kind=rigl, whose network is sparse from its first step until nothing moves "
            "any more; accepted: begin=0 and an end above it"
        )
    if kind == "permutation" and start != "dense":
        raise ConfigError(
            f"training.finetune.start: received {start} with method.kind=permutation, which "
            "reorders trained channels; accepted: dense"
        )
