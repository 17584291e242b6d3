"""What every optimizer may be asked for."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.options import UNNAMED, Options, Room, need

OPTIMIZERS = Room("training/optimizer", "harness.training.optimizer", tag="name")


@dataclass
class OptimizerOptions(Options):
    """An optimizer of Keras; what is null is as Keras has it.

    `weight_decay` is decoupled: in each step a weight loses `weight_decay` × the learning rate of
    that step, so it falls with the schedule. `clip_norm` bounds the norm of all gradients
    together.
    """

    room: ClassVar[Room] = OPTIMIZERS
    name: str = UNNAMED
    learning_rate: float = 1e-3
    weight_decay: float | None = None
    clip_norm: float | None = None

    def check(self, key: str) -> None:
        """Refuses options out of range.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """
        rate = self.learning_rate
        need(f"{key}.learning_rate", rate, 0 < rate < math.inf, "a finite number above 0")
        decay, clip = self.weight_decay, self.clip_norm
        need(f"{key}.weight_decay", decay, decay is None or decay >= 0, "0 or more, or null")
        need(f"{key}.clip_norm", clip, clip is None or clip > 0, "a number above 0, or null")

    def optimizer(self, rate: Any) -> Any:
        """The Keras optimizer, of learning rate (or schedule) `rate`."""
        raise NotImplementedError

    def arguments(self, *names: str) -> dict[str, Any]:
        """What is set of the options that all have and of `names`, as Keras calls them."""
        given = {name: getattr(self, name) for name in ("weight_decay", *names)}
        given["global_clipnorm"] = self.clip_norm
        return {name: value for name, value in given.items() if value is not None}


def need_epsilon(key: str, value: float | None) -> None:
    """Refuses what is neither null nor above 0."""
    need(key, value, value is None or value > 0, "a number above 0, or null")
