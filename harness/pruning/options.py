"""The sparsity of a cell as options: the five axes of a pruner, its method and its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import ConfigError, NotReadError
from harness.options import NOTHING, UNNAMED, Options, decides, need, one_choice, one_of
from harness.pruning.allocation.base import ALLOCATIONS, AllocationOptions
from harness.pruning.method.base import METHODS, MethodOptions
from harness.pruning.pattern.base import PATTERNS, PatternOptions
from harness.pruning.schedule.base import SCHEDULES, ScheduleOptions
from harness.pruning.scope.base import SCOPES, ScopeOptions
from harness.pruning.score.base import SCORES, ScoreOptions

if TYPE_CHECKING:
    from harness.pruning import Pruner, Schedule, Scope, Summary

#: The pattern of cells that are not pruned.
NO_PATTERN = "none"


@dataclass
class SparsityOptions(Options):
    """The five axes of a pruner, the sparsity it aims at, and the method it trains by.

    `target` is the fraction of prunable weights set to zero; a pattern that dictates its own
    takes none. Without a pattern nothing is pruned: that is the dense baseline, or, `finetuned`
    like the sparse cells, the control.
    """

    name: str = decides(NOTHING, UNNAMED)
    target: float | None = None
    finetuned: bool = True
    pattern: PatternOptions = one_choice(PATTERNS, "unstructured")
    score: ScoreOptions = one_choice(SCORES, "magnitude")
    allocation: AllocationOptions = one_choice(ALLOCATIONS, "uniform")
    schedule: ScheduleOptions = one_choice(SCHEDULES, "polynomial")
    scope: ScopeOptions = one_choice(SCOPES, "all_kernels")
    method: MethodOptions = one_choice(METHODS, "none")

    @property
    def pruned(self) -> bool:
        """Whether there is anything to prune."""
        return self.pattern.kind != NO_PATTERN

    @property
    def final(self) -> float:
        """The sparsity that the cell ends at; 0 where nothing is pruned."""
        if not self.pruned:
            return 0.0
        own = self.pattern.sparsity
        return own if own is not None else float(self.target or 0.0)

    def check(self, start: str) -> None:
        """Refuses axes out of range, and axes that do not go together.

        Args:
            start: `training.finetune.start`: dense or scratch.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """
        if not self.pruned:
            self._check_unpruned(start)
            return
        need("sparsity.finetuned", self.finetuned, self.finetuned, "true with a pattern")
        self.pattern.check("sparsity.pattern")
        self._check_target()
        self._check_schedule()
        self.score.check("sparsity.score")
        if self.score.patterns is not None:
            where = f"sparsity.pattern.kind with sparsity.score.kind={self.score.kind}"
            one_of(where, self.pattern.kind, self.score.patterns)
        self.scope.check("sparsity.scope")
        if self.score.needs_gradients and not self.schedule.begin > 0:
            raise ConfigError(
                f"sparsity.schedule.begin: received {self.schedule.begin:g} with sparsity.score."
                f"kind={self.score.kind}, which needs gradients before its first mask; accepted: "
                "above 0, e.g. 0.05"
            )
        self.method.check("sparsity.method", self, start)

    def pruner(self, total_steps: int, seed: int = 0) -> Pruner | None:
        """The pruner of a sparse cell; None for one that is not pruned.

        Args:
            total_steps: optimizer steps of the fine-tuning phase; a schedule in fractions is
                laid over them.
            seed: of scores that draw, in [0, 2**31); cells of other seeds prune other weights.

        Raises:
            ConfigError: a schedule that does not go with the phase's length.
            PruningError: axes that do not go together.
        """
        if not self.pruned:
            return None
        from harness.pruning import Pruner

        schedule = self.schedule.schedule(self.final, total_steps)
        self._check_steps(schedule, total_steps)
        return Pruner(
            pattern=self.pattern.pattern(),
            schedule=schedule,
            score=self.score.score(seed),
            allocation=self.allocation.allocation(),
            scope=self.pruned_scope(),
            method=self.method.method(schedule.last_step),
        )

    def pruned_scope(self) -> Scope:
        """Which kernels are pruned."""
        from harness.pruning import ByName

        scope = self.scope.scope()
        if self.scope.include or self.scope.exclude:
            scope = scope & ByName(*(self.scope.include or ["*"]), exclude=self.scope.exclude)
        return scope

    def _check_steps(self, schedule: Schedule, total_steps: int) -> None:
        last = schedule.end_step
        if last is not None and last > total_steps:
            raise ConfigError(
                f"sparsity.schedule.{self.schedule.last}: received step {last} with a fine-tuning "
                f"of {total_steps} steps, which would end before its target; accepted: up to "
                f"{total_steps}, or a longer training.finetune"
            )
        if self.score.needs_gradients and bool(schedule.updates_at(0)):
            raise ConfigError(
                f"sparsity.schedule.begin: received {self.schedule.begin:g}, step 0 of "
                f"{total_steps}, with sparsity.score.kind={self.score.kind}, which needs gradients "
                "before its first mask; accepted: what rounds to step 1 or more, or a longer "
                "training.finetune"
            )

    def _check_unpruned(self, start: str) -> None:
        target = self.target
        if target is not None:
            raise NotReadError(
                f"sparsity.target: received {target:g} with sparsity.pattern.kind=none, which "
                f"prunes nothing; did you mean sparsity=random sparsity.target={target:g}?",
                "sparsity.target",
            )
        for axis in ("score", "allocation", "schedule", "scope", "method"):
            if getattr(self, axis) != getattr(_DEFAULTS, axis):
                raise NotReadError(
                    f"sparsity.{axis}: received settings with sparsity={self.name}, which prunes "
                    "nothing; accepted: leave them out, or sparsity=random",
                    f"sparsity.{axis}",
                )
        if self.finetuned and start != "dense":
            raise ConfigError(
                f"training.finetune.start: received {start} with sparsity=control, which trains "
                "the dense baseline on; accepted: dense (sparse cells from scratch are compared "
                "with the dense baseline itself)"
            )

    def _check_target(self) -> None:
        own, target = self.pattern.sparsity, self.target
        if own is None:
            if target is None or not 0 <= target < 1:
                raise ConfigError(
                    f"sparsity.target: received {target}; accepted: a fraction in [0, 1), e.g. "
                    "0.75 for three weights of four set to zero"
                )
            return
        if target is not None and abs(target - own) > 1e-9:
            raise ConfigError(
                f"sparsity.target: received {target:g}, but {self.pattern.label} sets {own:g} "
                "itself; accepted: leave it out"
            )
        if self.allocation.kind != "uniform":
            raise ConfigError(
                f"sparsity.allocation: received {self.allocation.kind} with "
                f"{self.pattern.label}, which fixes every layer's share; accepted: uniform"
            )

    def _check_schedule(self) -> None:
        accepted, kind = self.pattern.schedules, self.schedule.kind
        if accepted is not None and kind not in accepted:
            raise ConfigError(
                f"sparsity.schedule.kind: received {kind} with sparsity.pattern.kind="
                f"{self.pattern.kind}; accepted: {', '.join(accepted)}"
            )
        once = self.pattern.sparsity is not None and "one_shot" in (accepted or ())
        self.schedule.check("sparsity.schedule", None if once else self.final)


_DEFAULTS = SparsityOptions()


def summarize(model: Any, pruner: Pruner | None) -> Summary:
    """Every weight of a model: pruned, or why not. A dense model counts all kernels prunable.

    Args:
        model: built; with the pruner attached, if there is one.
        pruner: None for a dense model.
    """
    from harness.pruning import Constant, Pruner, Unstructured

    if pruner is not None:
        return pruner.summary()
    return Pruner(pattern=Unstructured(), schedule=Constant(0.0)).preview(model)


def summarize_trained(model: Any, sparsity: SparsityOptions) -> Summary:
    """`summarize` of a model that was pruned elsewhere: its zeros are its masks.

    Args:
        model: built, with the trained weights.
        sparsity: what it was pruned to.
    """
    if not sparsity.pruned:
        return summarize(model, None)
    from harness.pruning import Frozen, Pruner

    pattern, scope = sparsity.pattern.pattern(), sparsity.pruned_scope()
    pruner = Pruner(pattern, Frozen(), scope=scope).attach(model)
    summary = pruner.summary()
    pruner.detach(model)
    return summary
