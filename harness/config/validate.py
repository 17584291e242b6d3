"""What a type cannot say: names, ranges and combinations, refused before any work starts."""

import dataclasses
import math
import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from harness.config.checks import need, one_of
from harness.config.export import check_export
from harness.config.images import check_images
from harness.config.models import check_model
from harness.config.recipe import XLA_PATTERNS, check_training
from harness.config.schema import (
    Config,
    ScheduleConfig,
    SparsityConfig,
    StrategyConfig,
    TrackingConfig,
)
from harness.config.speech import check_speech
from harness.config.tasks import check_task
from harness.config.text import check_text
from harness.errors import ConfigError

PATTERNS = ("none", "unstructured", "n_m", "block")
POOLINGS = ("average", "max")
SCORES = ("magnitude", "random")
ALLOCATIONS = ("uniform", "global", "erk")
SCHEDULES = ("constant", "polynomial", "one_shot", "cosine")
UNITS = ("fraction", "step")
POLICIES = ("all_kernels", "all_but_first_and_last")
SCALES = ("small", "full")


def validate(config: Config, options: Callable[[str], Iterable[str]]) -> None:
    """Refuses a config that no cell can have.

    Args:
        config: a typed config.
        options: group -> the names it accepts.

    Raises:
        ConfigError: names the key, what was received and what is accepted.
    """
    _finite("", dataclasses.asdict(config))
    groups = ("model", "dataset", "sparsity", "training", "strategy", "export", "tracking")
    for group in groups:
        one_of(f"{group}.name", getattr(config, group).name, tuple(options(group)))
    one_of("scale", config.scale, SCALES)
    need("seed", config.seed, config.seed >= 0, "a whole number from 0 on")
    check_task(config.model.name, config.dataset.name)
    check_model(config.model)
    check_speech(config.dataset)
    check_images(config.dataset)
    check_text(config.model, config.dataset)
    _sparsity(config.sparsity)
    check_training(config.training)
    _compiled(config)
    _strategy(config.strategy)
    check_export(config.export, config.dataset)
    _tracking(config.tracking)


def _finite(key: str, value: Any) -> None:
    """Refuses infinity and NaN wherever they stand: no setting means anything by them."""
    if isinstance(value, dict):
        for name, item in value.items():
            _finite(f"{key}.{name}" if key else name, item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _finite(f"{key}[{number}]", item)
    elif isinstance(value, float):
        need(key, value, math.isfinite(value), "a finite number")


def _sparsity(sparsity: SparsityConfig) -> None:
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
    if pattern.kind == "none":
        if sparsity.target is not None:
            raise ConfigError(
                f"sparsity.target: received {sparsity.target:g} with a dense pattern; accepted: "
                "nothing, or choose sparsity=random"
            )
        _schedule(sparsity.schedule, None)
        return
    if pattern.kind == "n_m":
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


def _compiled(config: Config) -> None:
    kind = config.sparsity.pattern.kind
    if config.training.jit_compile == "always" and kind not in XLA_PATTERNS:
        raise ConfigError(
            f"training.jit_compile: received 'always' with sparsity.pattern.kind={kind}, whose "
            "masks XLA cannot select; accepted: auto, never"
        )


def _strategy(strategy: StrategyConfig) -> None:
    devices, virtual = strategy.devices, strategy.virtual_cpus
    need("strategy.devices", devices, devices is None or devices >= 1, "1 or more, or null for all")
    need("strategy.virtual_cpus", virtual, virtual >= 0, "0 or more")
    if strategy.name == "single" and (devices or 1) > 1:
        raise ConfigError(
            f"strategy.devices: received {devices} with strategy=single; accepted: 1, or "
            "strategy=mirrored"
        )


def _tracking(tracking: TrackingConfig) -> None:
    """The experiment's name becomes a folder's beside an SQLite store."""
    name = tracking.experiment
    safe = re.fullmatch(r"\w[\w .-]*", name) is not None
    need("tracking.experiment", name, safe, "letters, digits, space, '.', '_' and '-'")
    uri = tracking.uri
    known = re.match(r"(sqlite:///.|https?://.|(postgresql|mysql|mssql)[+\w]*://.)", uri)
    accepted = "sqlite:///FILE, http://HOST:PORT or a database that MLflow reads"
    need("tracking.uri", uri, known is not None, accepted)
