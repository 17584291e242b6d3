"""The pruner: five independent axes, attached to any built Keras model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.pruning.allocation.base import Allocation
from harness.pruning.allocation.uniform import Uniform
from harness.pruning.beginning import (
    Count,
    begin,
    warn_of_strangers,
    warn_of_thawed,
    warn_of_unseen,
    warn_of_zeros,
)
from harness.pruning.compiled import CompiledStep
from harness.pruning.ends import FitEnds
from harness.pruning.engine import Engine
from harness.pruning.errors import PruningError
from harness.pruning.method.base import Method
from harness.pruning.on_mask import OnMask
from harness.pruning.pattern.base import Pattern
from harness.pruning.prunable import Counts, Rows, counts_of, plan, summary_of
from harness.pruning.schedule.base import Schedule
from harness.pruning.scope.all_kernels import AllKernels
from harness.pruning.scope.base import Scope
from harness.pruning.score.base import Score
from harness.pruning.score.magnitude import Magnitude
from harness.pruning.state import Weight, local, read_state
from harness.pruning.summary import Summary
from harness.pruning.tap import Tap
from harness.pruning.together import check_together


class Pruner:
    """Keeps a model's weights on masks, and refreshes the masks while it trains.

    Args:
        pattern: which weights may be zero together.
        schedule: when masks are refreshed and how sparse they are. May be left out for a
            pattern that dictates its sparsity: the mask is then set once, at step 0, or as the
            method prescribes.
        score: what a weight is worth.
        allocation: how the sparsity is shared out among weights.
        scope: which kernels are pruned.
        method: how masks change over training; plain pruning by default.

    Raises:
        PruningError: an argument of another kind, or arguments that exclude each other.

    Example:
        >>> pruner = Pruner(Unstructured(), Polynomial(0.5, 0.9, begin_step=0, end_step=4000))
        >>> pruner.attach(model)
        >>> model.fit(x, y, callbacks=[pruner.callback()])
        >>> pruner.detach(model)
    """

    def __init__(
        self,
        pattern: Pattern,
        schedule: Schedule | None = None,
        score: Score | None = None,
        allocation: Allocation | None = None,
        scope: Scope | None = None,
        method: Method | None = None,
    ) -> None:
        self.pattern = _checked("pattern", pattern, Pattern)
        self.method = _checked("method", Method() if method is None else method, Method)
        if schedule is None:
            if pattern.fixed_sparsity is None:
                raise PruningError(f"{pattern} needs a schedule, such as OneShot(0.9).")
            schedule = self.method.schedule(pattern.fixed_sparsity)
        self.schedule = _checked("schedule", schedule, Schedule)
        self.score = _checked("score", Magnitude() if score is None else score, Score)
        self.allocation = _checked(
            "allocation", Uniform() if allocation is None else allocation, Allocation
        )
        self.scope = _checked("scope", AllKernels() if scope is None else scope, Scope)
        self.method.check(self.pattern, self.schedule, self.score)
        check_together(self.pattern, self.schedule, self.score, self.allocation, self.method)
        self._engine: Engine | None = None
        self._rows: Rows = []
        self._tap: Tap | None = None
        self._ends: FitEnds | None = None
        self._compiled: CompiledStep | None = None
        self._count: Count | None = None
        self._counted: tuple[int | None, float] = (None, 0.0)

    def __repr__(self) -> str:
        axes = (self.pattern, self.schedule, self.score, self.allocation, self.scope, self.method)
        return f"Pruner({', '.join(map(repr, axes))})"

    # --- attaching ------------------------------------------------------------------------

    @property
    def attached(self) -> bool:
        """Whether the pruner is attached to a model."""
        return self._engine is not None

    @property
    def engine(self) -> Engine:
        """The attached pruner's masks and step; PruningError if it is not attached."""
        if self._engine is None:
            raise PruningError("the pruner is not attached: call pruner.attach(model) first.")
        return self._engine

    def attach(
        self,
        model: Any,
        optimizer: Any = None,
        state: dict[str, np.ndarray] | str | os.PathLike[str] | None = None,
    ) -> Pruner:
        """Attaches to a built model, in place.

        If the schedule begins at step 0, weights are pruned right here. Functions that were
        traced before (a custom loop's own `tf.function`) do not know the pruner: trace after
        attaching. `fit` and `train_on_batch` are taken care of.

        Args:
            model: a built Keras model of any kind.
            optimizer: for a custom training loop whose optimizer is not `model.optimizer`.
                Needed for scores that use gradients and for gradient accumulation.
            state: to resume, what `get_state` returned or the file that `save` wrote; nothing
                is pruned anew then.

        Returns:
            The pruner itself.

        Raises:
            PruningError: already attached, model not built, nothing in scope, a weight that
                another pruner holds, NaN weights, or a state that does not fit.
        """
        if self._engine is not None:
            raise PruningError(
                f"this pruner is already attached to model {self._engine.model.name!r}: detach it "
                "first, or make a second Pruner."
            )
        weights, rows = plan(model, self.scope, self.pattern)
        for weight in weights:
            if isinstance(weight.variable.constraint, OnMask):
                raise PruningError(
                    f"{weight.path} is already held by another pruner: give the two pruners scopes "
                    "that do not overlap."
                )
        engine = self._new_engine(model, weights, optimizer)
        engine.check()
        engine.create_variables()
        if state is None:
            engine.start()
        else:
            engine.load(dict(state) if isinstance(state, Mapping) else read_state(state))
        for weight in weights:
            weight.user_constraint = weight.variable.constraint
            weight.variable.constraint = OnMask(engine, weight)
        self._engine, self._rows, self._counted = engine, rows, (None, 0.0)
        self._count, self._ends = (
            Count(engine),
            FitEnds(model, self.begin_training, self.end_training),
        )
        self._compiled = CompiledStep(engine)
        engine.before_first_update = self.begin_training
        engine.after_first_update = lambda: warn_of_strangers(engine)
        self._count.note()
        if state is None and self._count.updates:
            warn_of_zeros(engine)
        self.watch_optimizer()
        _forget_traces(model)
        return self

    def _new_engine(self, model: Any, weights: list[Weight], optimizer: Any = None) -> Engine:
        return Engine(
            model,
            weights,
            self.pattern,
            self.schedule,
            self.score,
            self.allocation,
            self.method,
            optimizer,
        )

    def watch_optimizer(self) -> None:
        """Follows the present optimizer, whose gradients the score or the method may use.

        `attach` and `fit` call it; call it yourself if you compile anew and train by other means.
        """
        optimizer = self.engine.optimizer
        watched = self._tap is not None and self._tap.owner is optimizer
        if optimizer is not None and not watched:
            self._leave_optimizer()
            self._tap = Tap(self.engine, optimizer)

    def _leave_optimizer(self) -> None:
        if self._tap is not None:
            self._tap.remove()
            self._tap = None

    def detach(self, model: Any | None = None) -> None:
        """Takes everything off the model; the weights stay as sparse as they are.

        Args:
            model: the model it is attached to, as a check; may be left out.

        Raises:
            PruningError: not attached, or attached to another model.
        """
        engine = self.engine
        if model is not None and model is not engine.model:
            raise PruningError(
                f"the pruner is attached to {engine.model.name!r}, not {model.name!r}."
            )
        assert self._count is not None
        warn_of_unseen(self._count)
        engine.apply_masks()
        for weight in engine.weights:
            weight.variable.constraint = weight.user_constraint
        self._leave_optimizer()
        for stand_in in (self._ends, self._compiled):
            if stand_in is not None:
                stand_in.remove()
        self._engine = self._ends = self._compiled = self._count = None
        _forget_traces(engine.model)

    # --- training ---------------------------------------------------------------------------

    def callback(self) -> Any:
        """A Keras callback for `fit`: checks the schedule against the length of the training.

        Its place among other callbacks does not matter.
        """
        from harness.pruning.callback import PruningCallback

        return PruningCallback(self)

    def begin_training(self) -> None:
        """Makes masks and step fit weights that were loaded since the pruner last saw them.

        `fit` calls it once its callbacks have begun, and the optimizer before its first update
        after `attach`. Call it yourself if you load weights later than that in a custom loop.

        Warns:
            PruningWarning: weights or the optimizer's count were changed by somebody else.
        """
        engine = self.engine
        engine.check()
        self.watch_optimizer()
        assert self._count is not None
        warn_of_thawed(engine, self._rows, self.scope)
        begin(engine, self._count)
        self._counted = (None, 0.0)

    def end_training(self) -> None:
        """Puts the weights on their masks, whoever changed them; `fit` calls it at its end."""
        if self._engine is not None and self._count is not None:
            self._engine.apply_masks()
            self._engine.begun = False
            self._count.note()

    @property
    def step(self) -> int:
        """Optimizer updates counted so far."""
        return int(local(self.engine.step))

    def update(self, step: Any = None) -> None:
        """Counts an update, refreshes masks if due and masks all weights.

        Only for weights that no Keras optimizer updates: `optimizer.apply` already does all of
        this. Call it right after the update, in a graph or eagerly.

        Args:
            step: updates done, instead of counting on.

        Raises:
            PruningError: score or method need gradients, which this call does not see.
        """
        engine = self.engine
        if engine.uses_gradients:
            raise PruningError(
                f"update() sees no gradients, which {self.score} / {self.method} need: train with "
                "a Keras optimizer and attach(model, optimizer=…)."
            )
        if step is not None:
            engine.step.assign(step - 1)
        engine.advance(engine.weights[0].value)
        engine.apply_masks()

    def get_state(self) -> dict[str, np.ndarray]:
        """Everything needed to go on to the same bits, beside model and optimizer variables.

        Returns:
            Arrays by name: "step" (int64 scalar), "pattern" (its text), "mask/<place>" (bool) and,
            for scores and methods that keep something, "<slot>/<place>" (float32), the place being
            that among the pruned weights.
        """
        return self.engine.state()

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Takes back what `get_state` returned; call it after the weights are loaded.

        Raises:
            PruningError: the state is of another pruner or model.
        """
        self.engine.load(dict(state))
        assert self._count is not None
        self._count.note()
        self._counted = (None, 0.0)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes `get_state` to an .npz file, beside the model's own file.

        The file appears whole or not at all. Model, optimizer and pruner together go on to
        the same bits: see `attach(model, state=…)`.

        Args:
            path: file name, conventionally ending in .npz.
        """
        path = Path(path)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        arrays: dict[str, Any] = self.get_state()
        try:
            with part.open("wb") as file:
                np.savez_compressed(file, **arrays)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def load(self, path: str | os.PathLike[str]) -> None:
        """`set_state` from a file that `save` wrote."""
        self.set_state(read_state(path))

    # --- reporting --------------------------------------------------------------------------

    def progress(self) -> tuple[float, float]:
        """How sparse the last refresh was to make the weights, and how sparse its masks are.

        Counts only after a refresh, so it may be called at any step.

        Returns:
            `(scheduled, reached)`, fractions of the prunable weights in [0, 1].
        """
        last = self.schedule.last_update(self.step)
        if last is None:
            return 0.0, 0.0
        if self._counted[0] != last:
            weights = self.engine.counted
            kept = sum(weight.count() for weight in weights)
            size = sum(weight.kernel.size for weight in weights)
            self._counted = (last, 1 - kept / size)
        return float(self.schedule.sparsity(last)), self._counted[1]

    def preview(self, model: Any) -> Summary:
        """What attaching would do, with the counts of the schedule's end; touches nothing."""
        from harness.pruning.preview import final_counts

        weights, rows = plan(model, self.scope, self.pattern)
        kept = final_counts(self._new_engine(model, weights))
        counts = {
            w.path: Counts(k, k, 0, not w.follows) for w, k in zip(weights, kept, strict=True)
        }
        return summary_of(model, rows, counts, 0, self.schedule.final_sparsity)

    def summary(self) -> Summary:
        """The present weights, one by one and in total: how many are not zero.

        Where they differ from the masks (weights loaded since the last update, zeros that have
        not grown yet), the notes say so.
        """
        engine = self.engine
        if self._count is not None:
            warn_of_unseen(self._count)
        counts = {weight.path: counts_of(weight) for weight in engine.weights}
        final = self.schedule.final_sparsity
        return summary_of(engine.model, self._rows, counts, self.step, final)


def _checked(name: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        hint = ""
        if kind is Pattern and isinstance(value, Schedule):
            hint = f" The pattern comes first: write Pruner(Unstructured(), {value!r})."
        raise PruningError(
            f"{name} must be a {kind.__name__} of harness.pruning, received {value!r}.{hint}"
        )
    return value


def _forget_traces(model: Any) -> None:
    # A train function traced earlier holds the earlier constraints.
    model.train_function = None
