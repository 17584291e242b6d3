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
        self.optimizer = optimizer
        original = optimizer.apply

        def apply(grads: Any, trainable_variables: Any = None) -> Any:
            """Shows the gradients, then applies what comes back."""
            variables = trainable_variables
            if variables is None:
                variables = optimizer._trainable_variables
            return original(engine.before_update(list(grads), list(variables)), trainable_variables)

        # Not through Keras' __setattr__, which would track it as part of the optimizer.
        object.__setattr__(optimizer, "apply", apply)

    def remove(self) -> None:
        """Gives the optimizer its own `apply` back."""
        vars(self.optimizer).pop("apply", None)
