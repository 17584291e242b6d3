"""Stands before an optimizer's updates: for preparations, and to show gradients to a pruner."""

from __future__ import annotations

from typing import Any

from harness.pruning.engine import Engine
from harness.pruning.stand_in import StandIn


class Tap(StandIn):
    """Stands in front of one optimizer's `apply` until it is removed.

    Under mixed precision it sits on the inner optimizer, whose gradients are unscaled and
    which is skipped when they are not finite.

    Args:
        engine: whose `begin_once` is called before an update, and whose `before_update` sees
            the gradients if its score or method use them.
        optimizer: a Keras optimizer.
    """

    def __init__(self, engine: Engine, optimizer: Any) -> None:
        super().__init__(optimizer, "apply", _Apply, engine)


class _Apply:
    """An optimizer's `apply` that goes by several pruners, in turn, first."""

    def __init__(self, original: Any) -> None:
        self.original = original
        self.listeners: list[Engine] = []

    def __call__(self, grads: Any, trainable_variables: Any = None) -> Any:
        variables = trainable_variables
        if variables is None:
            variables = self.original.__self__._trainable_variables
        gradients, variables = list(grads), list(variables)
        for engine in self.listeners:
            engine.begin_once()
            if engine.uses_gradients:
                gradients = engine.before_update(gradients, variables)
        return self.original(gradients, trainable_variables)
