"""RMSProp."""

from dataclasses import dataclass
from typing import Any

from harness.options import choice, need_share
from harness.training.optimizer.base import OptimizerOptions, need_epsilon


@choice
@dataclass
class RMSpropOptions(OptimizerOptions):
    """Gradients divided by the root of their mean square; `rho` is how long that remembers."""

    name: str = "rmsprop"
    rho: float | None = None
    momentum: float | None = None
    epsilon: float | None = None

    def check(self, key: str) -> None:
        """Refuses options out of range."""
        super().check(key)
        need_share(f"{key}.rho", self.rho)
        need_share(f"{key}.momentum", self.momentum)
        need_epsilon(f"{key}.epsilon", self.epsilon)

    def optimizer(self, rate: Any) -> Any:
        """The optimizer."""
        import keras

        given = self.arguments("rho", "momentum", "epsilon")
        return keras.optimizers.RMSprop(learning_rate=rate, **given)
