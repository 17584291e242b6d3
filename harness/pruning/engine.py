"""The part of a pruner that runs inside the training graph.

Keras calls each variable's `constraint` within the optimizer's `apply`, after *all* variables
of the step were updated. That single hook carries everything: the first constraint of a step
counts the step and refreshes all masks together if the schedule says so, from the just
updated weights; then each constraint puts its weight on its mask. It works wherever Keras'
optimizers do (any model class, custom training loops, `steps_per_execution`, gradient
accumulation, tf.distribute), wraps no layer, and leaves nothing behind when taken off.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from harness.pruning.allocation.base import Allocation
from harness.pruning.choice import Choice
from harness.pruning.deferral import Deferral
from harness.pruning.errors import PruningError
from harness.pruning.method.base import Method
from harness.pruning.optimizers import accumulation, average_of, member_of, moments_of, unscaled
from harness.pruning.pattern.base import Pattern
from harness.pruning.schedule.base import Schedule
from harness.pruning.schedule.frozen import Frozen
from harness.pruning.score.base import Score
from harness.pruning.state import Weight, arrays_of, assign_arrays

# A user's own tf.function would have AutoGraph rewrite what runs inside it, slowly and, where a
# hook is only a docstring, not at all. There is nothing to rewrite.
as_written = tf.autograph.experimental.do_not_convert


class Engine:
    """Masks, step counter and refresh of one pruner on one model.

    Args:
        model: the built model, for its present optimizer.
        weights: the weights to prune.
        pattern: which weights are zero together.
        schedule: when and how sparse.
        score: what weights are worth.
        allocation: how the budget is shared out.
        method: how masks change.
        optimizer: the optimizer of a custom training loop, if not `model.optimizer`.
    """

    def __init__(
        self,
        model: Any,
        weights: Sequence[Weight],
        pattern: Pattern,
        schedule: Schedule,
        score: Score,
        allocation: Allocation,
        method: Method,
        optimizer: Any = None,
    ) -> None:
        self.model = model
        self.weights = list(weights)
        self.pattern, self.schedule, self.score = pattern, schedule, score
        self.method = method
        self.choice = Choice(self.weights, pattern, allocation, score.of)
        self.own_optimizer = optimizer
        self.uses_gradients = score.uses_gradients or method.uses_gradients
        self.step: Any = None
        #: Called once before the first update of a loop that is not `fit`'s.
        self.before_first_update: Callable[[], None] = lambda: None
        #: Called after it instead, where the loop's optimizer is not known.
        self.after_first_update: Callable[[], None] = lambda: None
        self.begun = False
        self.deferral = Deferral()
        self._by_variable = {id(weight.variable): weight for weight in self.weights}
        # Replicas trace (or run) in threads of their own: what is being traced is per thread.
        self._local = threading.local()

    # --- set-up -------------------------------------------------------------------------

    def create_variables(self) -> None:
        """Creates the step counter, masks and slots where the model's weights live."""
        slots = (*self.score.slots, *self.method.slots)
        with self.model.distribute_strategy.scope(), tf.init_scope():
            self.step = tf.Variable(
                0,
                dtype=tf.int64,
                trainable=False,
                name="pruning_step",
                aggregation=tf.VariableAggregation.NONE,
            )
            self.deferral.create_variable()
            for weight in self.weights:
                weight.create_variables(slots)

    @property
    def optimizer(self) -> Any:
        """The optimizer whose updates are followed, without a loss-scaling shell; or None."""
        return unscaled(self.own_optimizer or getattr(self.model, "optimizer", None))

    @property
    def accumulation(self) -> int:
        """Batches per update; PruningError where the pruned weights' optimizers disagree."""
        return accumulation(self.optimizer, self.variables)

    @property
    def counted(self) -> list[Weight]:
        """The weights that are pruned for themselves."""
        return [weight for weight in self.weights if not weight.follows]

    @property
    def variables(self) -> list[Any]:
        """The pruned weights' Keras variables."""
        return [weight.variable for weight in self.weights]

    def check(self) -> None:
        """Refuses optimizers that disagree on what a step is, as compiled now (PruningError)."""
        _ = self.accumulation

    # --- the training step ----------------------------------------------------------------

    @as_written
    def begin_once(self) -> None:
        """Before an update, or while its graph is traced: the first one's preparations."""
        if self.begun:
            return
        with tf.init_scope():  # out of the graph that is being traced
            # Eager replicas run side by side; what one of them assigned, others would not have.
            if tf.executing_eagerly() and not tf.distribute.has_strategy():
                self.before_first_update()

    @as_written
    def before_update(self, gradients: Sequence[Any], variables: Sequence[Any]) -> list[Any]:
        """Shows gradients to score and method; returns those that the optimizer shall use."""
        self._local.gradients = {}
        self._local.seen = None
        found = [
            (place, self._by_variable[id(variable)])
            for place, (gradient, variable) in enumerate(zip(gradients, variables, strict=True))
            if gradient is not None and id(variable) in self._by_variable
        ]
        result = list(gradients)
        summed = _sum_over_replicas([tf.convert_to_tensor(gradients[place]) for place, _ in found])
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        scale = self.optimizer.loss_scale_factor or 1.0
        for (place, weight), total in zip(found, summed, strict=True):
            gradient = tf.cast(total, tf.float32) / scale
            # Nothing is assigned before there is a gradient: the data set may have run out.
            with tf.control_dependencies([gradient] if tf.is_symbolic_tensor(gradient) else []):
                self.method.restore(weight)
            self.score.observe(weight, gradient)
            self._local.gradients[weight.index] = gradient
            wanted = self.method.uses_gradients and self.method.refresh_reads_gradient
            if wanted and self.deferral.active:
                weight.hold(gradient)
            if self.method.uses_gradients:
                changed = self.method.transform(weight, gradient)
                # The optimizer sums over replicas once more.
                result[place] = tf.cast(changed * (scale / replicas), total.dtype)
        return result

    def advance_once(self, weight: Weight, value: Any) -> None:
        """Counts a step and refreshes if due, on the first call of each optimizer update.

        Calls of one update are told apart from those of the next by the graph they are traced
        in, and in one graph (or eagerly) by a weight that comes round again.

        Args:
            weight: the weight being constrained.
            value: its updated value.
        """
        eager = tf.executing_eagerly()
        if not eager:  # eagerly, the first update is done by now
            self.begin_once()
        elif not self.begun and not tf.distribute.has_strategy():
            self.begun = True
            self.after_first_update()
        graph = None if eager else tf.compat.v1.get_default_graph()
        seen = getattr(self._local, "seen", None)
        last = getattr(self._local, "graph", None)
        same = seen is not None and (last() if last is not None else None) is graph
        if same and seen is not None and weight.index not in seen:
            seen.add(weight.index)
            return
        self._local.seen = {weight.index}
        self._local.graph = None if graph is None else weakref.ref(graph)
        if self.uses_gradients and not getattr(self._local, "gradients", None):
            raise PruningError(
                f"{self.score} / {self.method} need gradients, but this optimizer's are not seen. "
                "Compile the model before attach, or pass pruner.callback() to fit, or "
                "attach(model, optimizer=…) in a custom loop."
            )
        self.advance(value)
        self._local.gradients = None  # those of another update would be mistaken for the next's

    @as_written
    def advance(self, value: Any) -> None:
        """Counts one update and refreshes all masks if the schedule says so.

        Args:
            value: anything that exists only once the update is done. Without waiting for it, a
                graph would count a step also where its data set has just run out.
        """
        with tf.control_dependencies([value] if tf.is_symbolic_tensor(value) else []):
            self._advance()

    def _advance(self) -> None:
        accumulation = self.accumulation
        if accumulation == 1:
            step = tf.convert_to_tensor(self.step.assign_add(1))
            due = self.schedule.updates_at(step)
        else:
            # Keras raises its counter after the constraints, and updates on every n-th.
            owner = member_of(self.optimizer, self.weights[0].variable) or self.optimizer
            batches = tf.cast(tf.convert_to_tensor(owner._iterations._value), tf.int64)
            updated = tf.equal((batches + 1) % accumulation, 0)
            step = tf.convert_to_tensor(self.step.assign_add(tf.cast(updated, tf.int64)))
            due = updated & self.schedule.updates_at(step)
        if self.deferral.active:
            self.deferral.leave(due)
            return
        seen = getattr(self._local, "gradients", None) or {}
        tf.cond(due, lambda: self._refresh(step, seen), lambda: None)

    def settle(self, weight: Weight, value: Any) -> Any:
        """The value that a weight gets once it was updated: the user's constraint, the mask."""
        settled = value
        if weight.user_constraint is not None:
            settled = tf.convert_to_tensor(weight.user_constraint(value))
        self.mask_average(weight)
        settled = self.method.settle(weight, settled)
        return self.deferral.left(weight.index, value, settled) if self.deferral.active else settled

    @as_written
    def refresh_if_due(self) -> None:
        """Refreshes all masks if the compiled step just taken has left that to do."""
        tf.cond(tf.convert_to_tensor(self.deferral.pending), self._refresh_left, lambda: None)

    def _refresh_left(self) -> None:
        self.deferral.pending.assign(False)
        updated = [weight for weight in self.weights if weight.index in self.deferral.updated]
        seen = {w.index: w.held_gradient for w in updated} if self.uses_gradients else {}
        self._refresh(tf.convert_to_tensor(self.step), seen, within_xla=False)
        for weight in updated:
            weight.variable.assign(self.settle(weight, weight.value))

    def _refresh(self, step: Any, gradients: dict[int, Any], within_xla: bool = True) -> None:
        for weight in self.weights:
            if weight.index not in gradients and weight.variable.trainable:
                self.method.restore(weight)
        scores = [self.score.scores(weight, step) for weight in self.weights]
        checks = self._refuse_nan(scores, step, within_xla)
        with tf.control_dependencies(checks):
            wanted = self.choice.wanted(self.schedule.sparsity(step), scores)
            for weight, score, (pattern, count) in zip(self.weights, scores, wanted, strict=True):
                if not weight.variable.trainable:  # a layer frozen since then stays as it is
                    continue
                gradient = gradients.get(weight.index)
                learned = self._learned(weight)
                before: Any = tf.convert_to_tensor(weight.mask) if learned else None
                mask = self.method.refresh(weight, pattern, score, count, gradient, step)
                weight.mask.assign(mask)
                for variable, fresh in learned:  # of weights that come back, it starts over
                    value = tf.convert_to_tensor(variable._value)
                    fresh = tf.cast(weight.value if fresh is None else fresh, value.dtype)
                    variable.assign(tf.where(weight.mask & ~before, fresh, value))
                if weight.index not in gradients:
                    # Perhaps the loss does not reach it: Keras then skips its constraint.
                    self.mask_average(weight)
                    weight.variable.assign(self.method.settle(weight, weight.value))

    def _learned(self, weight: Weight) -> list[tuple[Any, Any]]:
        """What the optimizer keeps of a weight and its fresh value; None: the weight's own."""
        average = average_of(self.optimizer, weight.variable)
        found: list[tuple[Any, Any]] = [] if average is None else [(average, None)]
        if self.method.restarts_moments:
            found += moments_of(self.optimizer, weight.variable)
        return found

    def mask_average(self, weight: Weight) -> None:
        """Puts the moving average that the optimizer keeps of a weight on the mask, if any.

        Averages are swapped into the model by whoever likes (`SwapEMAWeights`, the end of
        `fit`, `ema_overwrite_frequency`), so they are on their masks at all times.
        """
        average = average_of(self.optimizer, weight.variable)
        if average is not None:
            average.assign(weight.masked(tf.convert_to_tensor(average._value)))

    def _refuse_nan(self, scores: Sequence[Any], step: Any, within_xla: bool) -> list[Any]:
        """Operations that stop the training if there is no order among a weight's scores."""
        compiled = getattr(self.model, "jit_compile", False) is True
        if within_xla and compiled and not tf.executing_eagerly():
            return []  # XLA has neither strings nor a way to stop
        checks = []
        for weight, score in zip(self.weights, scores, strict=True):
            text = (
                f"Masks cannot be refreshed: NaN in the scores of {weight.path}. The training "
                "diverged: lower the learning rate or clip gradients. Step"
            )
            fine = ~tf.reduce_any(tf.math.is_nan(score))
            # Unlike tf.debugging.Assert, the bare operation costs the graph no branch.
            checks.append(tf.raw_ops.Assert(condition=fine, data=[text, step]))
        return [check for check in checks if check is not None]

    # --- outside the training step --------------------------------------------------------

    def start(self) -> None:
        """Brings masks and weights to where they are before the first update."""
        if isinstance(self.schedule, Frozen):
            for weight, mask in zip(self.weights, self.choice.by_zeros(), strict=True):
                weight.mask.assign(mask)
        elif bool(self.schedule.updates_at(0)):
            for weight in self.weights:
                self.method.restore(weight)
            self.refresh_now(0)
        self.apply_masks()

    def forget(self) -> None:
        """Empties what score and method keep of the weights."""
        for weight in self.weights:
            for slot in weight.slots.values():
                slot.assign(tf.zeros(weight.shape))

    def refresh_now(self, step: Any) -> None:
        """Refreshes all masks from the present weights; eager errors become ours."""
        try:
            self._refresh(tf.convert_to_tensor(step, tf.int64), {})
        except tf.errors.InvalidArgumentError as error:
            raise PruningError(_first_line(error)) from None

    @as_written
    def apply_masks(self) -> None:
        """Puts all weights, and the averages of them, on their masks."""
        for weight in self.weights:
            self.method.restore(weight)
            weight.variable.assign(self.method.settle(weight, weight.value))
            self.mask_average(weight)
            # Moving averages of dead channels fade by themselves: this is where they end.
            for variable in weight.span.beside if weight.span is not None else ():
                variable.assign(weight.masked(tf.convert_to_tensor(variable._value)))

    def state(self) -> dict[str, np.ndarray]:
        """All of the pruner's variables as NumPy arrays."""
        return arrays_of(self.step, self.weights, self.pattern)

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Assigns what `state` returned, refusing that of another pruner or model."""
        assign_arrays(self.step, self.weights, self.pattern, state)
        self.begun = False
        self.apply_masks()


def _sum_over_replicas(gradients: list[Any]) -> list[Any]:
    context = tf.distribute.get_replica_context()
    if not gradients or context is None or context.num_replicas_in_sync == 1:
        return gradients
    return list(context.all_reduce(tf.distribute.ReduceOp.SUM, gradients))


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "message", error))
    return " ".join(text.split())
