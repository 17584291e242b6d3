"""Adam, https://arxiv.org/abs/1412.6980."""

from dataclasses import dataclass
from typing import Any

from harness.options import choice
from harness.training.optimizer.base import OptimizerOptions, need_epsilon


@choice
@dataclass
class AdamOptions(OptimizerOptions):
    """Adam, in one pass over the weights (`harness.training.fused_adam`)."""

    name: str = "adam"
    epsilon: float | None = None

    def check(self, key: str) -> None:
        """Refuses options out of range."""
        super().check(key)
        need_epsilon(f"{key}.epsilon", self.epsilon)

    def optimizer(self, rate: Any) -> Any:
        """The optimizer."""
        from harness.training.fused_adam import Adam

        return Adam(learning_rate=rate, **self.arguments("epsilon"))
