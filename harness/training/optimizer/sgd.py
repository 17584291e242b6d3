"""Stochastic gradient descent."""

from dataclasses import dataclass
from typing import Any

from harness.options import choice, need_share
from harness.training.optimizer.base import OptimizerOptions


@choice
@dataclass
class SGDOptions(OptimizerOptions):
    """Gradient descent, with or without momentum."""

    name: str = "sgd"
    momentum: float | None = None

    def check(self, key: str) -> None:
        """Refuses options out of range."""
        super().check(key)
        need_share(f"{key}.momentum", self.momentum)

    def optimizer(self, rate: Any) -> Any:
        """The optimizer."""
        import keras

        return keras.optimizers.SGD(learning_rate=rate, **self.arguments("momentum"))
