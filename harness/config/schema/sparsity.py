"""The five axes of a pruner and its method, typed."""

from dataclasses import dataclass, field

from omegaconf import MISSING


@dataclass
class PatternConfig:
    """Which weights may be zero together.

    `kind` is none, unstructured, n_m (n kept of every m along the input channels),
    gradual_n_m (from m:m to n:m at the pace of the schedule) or block (`shape` in weights,
    scored by `pooling`).
    """

    kind: str = MISSING
    n: int = 2
    m: int = 4
    shape: list[int] = field(default_factory=lambda: [1, 4])
    pooling: str = "average"


@dataclass
class ScheduleConfig:
    """When masks are refreshed, and to which sparsity.

    `begin` and `end` are in `unit`: fractions of the fine-tuning steps, or steps;
    `frequency` is always in steps.
    """

    kind: str = "polynomial"
    initial: float = 0.0
    power: float = 3.0
    unit: str = "fraction"
    begin: float = 0.0
    end: float = 0.5
    frequency: int = 100


@dataclass
class ScopeConfig:
    """Which weights are pruned: a policy, narrowed by name patterns (globs on the path)."""

    policy: str = "all_kernels"
    include: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)


@dataclass
class MethodConfig:
    """A sparse training method, where masks by score are not all (docs/methods.md).

    `kind` is null (none), permutation (channels are reordered before the first mask, so that
    N:M keeps more), straight_through or sr_ste (dense weights are trained behind the mask; off
    it they learn unless `update_pruned` is false, and with sr_ste they fade by `decay`), or
    rigl (`alpha` of the weights move at first, none by the schedule's end).
    """

    kind: str | None = None
    decay: float = 2e-4
    update_pruned: bool = True
    alpha: float = 0.3


@dataclass
class SparsityConfig:
    """The five axes of a pruner, the sparsity it aims at, and the method it trains by.

    `target` is the fraction of prunable weights set to zero; an N:M pattern sets its own
    (1 - n/m), so it takes none.
    """

    name: str = MISSING
    target: float | None = None
    pattern: PatternConfig = field(default_factory=PatternConfig)
    score: str = "magnitude"
    allocation: str = "uniform"
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    scope: ScopeConfig = field(default_factory=ScopeConfig)
    method: MethodConfig = field(default_factory=MethodConfig)
