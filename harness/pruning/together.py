"""Axes of a pruner that exclude each other."""

from __future__ import annotations

from harness.pruning.allocation.base import Allocation
from harness.pruning.allocation.uniform import Uniform
from harness.pruning.errors import PruningError
from harness.pruning.method.base import Method
from harness.pruning.pattern.base import Pattern
from harness.pruning.schedule.base import Schedule
from harness.pruning.schedule.frozen import Frozen
from harness.pruning.score.base import Score


def check_together(
    pattern: Pattern, schedule: Schedule, score: Score, allocation: Allocation, method: Method
) -> None:
    """Refuses what would be ignored, or could not be reached.

    Raises:
        PruningError: names the two axes and what to use instead.
    """
    fixed = pattern.final_sparsity
    final = schedule.final_sparsity
    if fixed is not None and not isinstance(schedule, Frozen) and abs(fixed - final) > 1e-6:
        raise PruningError(
            f"{pattern} ends {fixed:.4g} sparse, but the schedule ends at {final:.4g}. "
            f"Use {fixed:.4g} there, or leave the schedule out."
        )
    dictated, begin = pattern.fixed_sparsity, schedule.begin_step
    if dictated is not None and abs(float(schedule.sparsity(begin)) - dictated) > 1e-6:
        raise PruningError(
            f"{pattern} is {dictated:.4g} sparse from its first refresh on, but "
            f"{schedule} begins at {float(schedule.sparsity(begin)):.4g}: use "
            "OneShot or Constant, or a pattern such as GradualNM that follows the schedule."
        )
    if fixed is not None and type(allocation) is not Uniform:
        raise PruningError(
            f"{pattern} dictates every weight's sparsity, so {allocation} has "
            "nothing to share out: leave the allocation out."
        )
    if score.uses_gradients and bool(schedule.updates_at(0)):
        raise PruningError(
            f"{score} needs gradients, and there are none at step 0: give the schedule a "
            "begin_step of 1 or more."
        )
    if pattern.tied and type(method).refresh is not Method.refresh:
        raise PruningError(
            f"{method} makes each weight's mask for itself, and {pattern} one for all weights of a "
            "channel: leave the method out."
        )
    if score.of != "kernel" and not pattern.tied:
        raise PruningError(f"{score} judges channels: use it with TiedChannels().")
