"""How masks change over training: the hooks that a sparse training method overrides.

`Method` itself is plain pruning: at a refresh the mask becomes the best weights by score,
in between nothing happens. A method such as RigL or SR-STE is a subclass that overrides one
or two of these hooks; each sees one `weight` (`harness.pruning.state.Weight`).

Order within a training step, all inside the training graph:

1. `restore(weight)` and `transform(weight, gradient)`, just before the optimizer's update
   (only for methods or scores that use gradients);
2. the optimizer updates the weight;
3. if the schedule says so, a refresh: `refresh(weight, scores, kept, gradient, step)`;
4. the weight is put on its mask, `settle(weight, value)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.options import UNNAMED, Options, Room, one_of

if TYPE_CHECKING:
    from harness.pruning.schedule.base import Schedule

METHODS = Room("sparsity/method", "harness.pruning.method")


class Method:
    """Plain pruning: the mask follows the scores.

    Attributes:
        uses_gradients: whether `restore` and `transform` are called.
        refresh_reads_gradient: whether `refresh` wants the gradient of a method that uses them;
            one float32 a weight where XLA compiles the step.
        slots: names of float32 variables of the weight's shape, zero at the start, part of
            the saved state, found as `weight.slots[name]`.
        restarts_moments: whether the optimizer forgets what it has learned about a weight that
            comes back to the mask: its momentum, its squared gradients.
    """

    uses_gradients: bool = False
    refresh_reads_gradient: bool = True
    slots: tuple[str, ...] = ()
    restarts_moments: bool = False

    def __repr__(self) -> str:
        values = ", ".join(f"{k}={v!r}" for k, v in vars(self).items())
        return f"{type(self).__name__}({values})"

    def schedule(self, sparsity: float) -> Schedule:
        """The schedule of a pattern that dictates its sparsity, if the user gives none.

        Plain pruning sets such a mask once: refreshed up to the last step, it would let weights
        return that no training is left for.
        """
        from harness.pruning.schedule.one_shot import OneShot

        return OneShot(sparsity)

    def check(self, pattern: Any, schedule: Any, score: Any) -> None:
        """Refuses axes that the method cannot work with; called when a pruner is made.

        Raises:
            PruningError: naming what was received and what the method needs.
        """

    def restore(self, weight: Any) -> None:
        """Brings back what `settle` kept aside, for methods that keep dense weights.

        Runs before the optimizer's update, and before masks are applied outside of training.
        """

    def transform(self, weight: Any, gradient: Any) -> Any:
        """The gradient that the optimizer gets instead of `gradient` (same shape)."""
        return gradient

    def refresh(
        self, weight: Any, pattern: Any, scores: Any, kept: Any, gradient: Any, step: Any
    ) -> Any:
        """The new mask of a weight.

        Args:
            weight: the weight, just updated and not yet put back on its old mask
                (`weight.mask`).
            pattern: the pruner's pattern.
            scores: float32 scores of the weight's shape.
            kept: units to keep, int64 scalar tensor; None for a pattern that dictates it.
            gradient: dense gradient of this step if `uses_gradients`, else None.
            step: updates done, int64 scalar tensor.

        Returns:
            bool tensor of the weight's shape.
        """
        return pattern.keep(scores, kept, weight.axes)

    def settle(self, weight: Any, value: Any) -> Any:
        """The value that the weight gets after an update: `value` on the mask."""
        return weight.masked(value)


@dataclass
class MethodOptions(Options):
    """A sparse training method; `words` is what tables add to the sparsity's name."""

    room: ClassVar[Room] = METHODS
    words: ClassVar[str] = ""
    #: The patterns and the schedules that it works with; None: any.
    patterns: ClassVar[tuple[str, ...] | None] = None
    schedules: ClassVar[tuple[str, ...] | None] = None
    #: Whether the score decides more than the first mask.
    scored: ClassVar[bool] = True
    kind: str = UNNAMED

    def check(self, key: str, sparsity: Any, start: str) -> None:
        """Refuses options out of range, and axes that the method does not go with.

        Args:
            key: where the options stand in the config.
            sparsity: the cell's `SparsityOptions`, its other axes checked.
            start: `training.finetune.start`: dense or scratch.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """
        for axis, accepted in (("pattern", self.patterns), ("schedule", self.schedules)):
            if accepted is not None:
                where = f"sparsity.{axis}.kind with sparsity.method.kind={self.kind}"
                one_of(where, getattr(sparsity, axis).kind, accepted)

    def method(self, last_step: int) -> Method | None:
        """The method, None for plain pruning.

        Args:
            last_step: the last step at which the schedule refreshes masks.
        """
        return None

    def check_model(self, model: Any) -> None:
        """Refuses a model, its weights not yet trained, that `prepare` could not change.

        Raises:
            HarnessError: what was received and what is accepted.
        """

    def prepare(self, model: Any, pruner: Any) -> Any:
        """Changes a model with its dense baseline's weights before the pruner is attached.

        Returns:
            What it did, a `PermutationReport`; None if nothing.
        """
        return None
