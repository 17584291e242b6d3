"""Shows an optimizer's gradients to a pruner, for scores and methods that learn from them."""

from __future__ import annotations

from typing import Any

from harness.pruning.engine import Engine


class GradientTap:
    """Stands in front of one optimizer's `apply` until it is removed.

    Only the instance is touched. Under mixed precision it sits on the inner optimizer, whose
    gradients are unscaled and which is skipped when they are not finite.

    Args:
        engine: whose `before_update` sees the gradients.
        optimizer: a Keras optimizer.
    """

    def __init__(self, engine: Engine, optimizer: Any) -> None:
        self.engine, self.optimizer = engine, optimizer
        if "apply" not in vars(optimizer):
            # Not through Keras' __setattr__, which would track it as part of the optimizer.
            object.__setattr__(optimizer, "apply", _Apply(optimizer))
        optimizer.apply.engines.append(engine)

    def remove(self) -> None:
        """Gives the optimizer its own `apply` back once no other pruner listens."""
        engines = self.optimizer.apply.engines
        engines.remove(self.engine)
        if not engines:
            del vars(self.optimizer)["apply"]


class _Apply:
    """An optimizer's `apply` that shows the gradients to several pruners, in turn, first."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer, self.original = optimizer, optimizer.apply
        self.engines: list[Engine] = []

    def __call__(self, grads: Any, trainable_variables: Any = None) -> Any:
        variables = trainable_variables
        if variables is None:
            variables = self.optimizer._trainable_variables
        gradients, variables = list(grads), list(variables)
        for engine in self.engines:
            gradients = engine.before_update(gradients, variables)
        return self.original(gradients, trainable_variables)
