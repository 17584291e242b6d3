"""The hook by which a pruner runs inside the optimizer's update."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from harness.pruning.engine import Engine, as_written
from harness.pruning.state import Weight


class OnMask:
    """A variable's constraint while a pruner is attached: user's constraint, then the mask."""

    def __init__(self, engine: Engine, weight: Weight) -> None:
        self.engine = engine
        self.weight = weight

    @as_written
    def __call__(self, variable: Any) -> Any:
        """The value of `variable` on its mask, masks being refreshed first if they are due."""
        held = getattr(variable, "_value", variable)
        self.engine.advance_once(self.weight, tf.convert_to_tensor(held))
        value = tf.convert_to_tensor(held)  # read anew: a refresh may change weights
        return self.engine.settle(self.weight, value)
