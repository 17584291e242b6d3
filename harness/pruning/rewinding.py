"""Learning-rate rewinding: retrain a pruned network on the end of its own schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from harness.pruning.errors import PruningError

Rate = float | Callable[[Any], Any]


@keras.saving.register_keras_serializable(package="harness")
class RewoundLearningRate(keras.optimizers.schedules.LearningRateSchedule):
    r"""The last steps of a learning-rate schedule, once more.

    .. math:: \eta'(t) = \eta(T - k + t)

    After one-shot pruning, the weights are retrained from their final values for k steps
    under the learning rate of the last k of the T steps that trained them; `last_steps ==
    total_steps` repeats the whole schedule. Source: Renda, Frankle & Carbin, "Comparing
    Rewinding and Fine-tuning in Neural Network Pruning" (https://arxiv.org/abs/2003.02389),
    "learning rate rewinding".

    Args:
        schedule: η, the learning rate of the training: a Keras schedule, a function of the
            step, or a number.
        total_steps: T, the optimizer updates of that training.
        last_steps: k, how many of its last updates are repeated, 1 to T.

    Raises:
        PruningError: `last_steps` outside 1 to `total_steps`.
    """

    def __init__(self, schedule: Rate, total_steps: int, last_steps: int) -> None:
        super().__init__()
        if not 1 <= last_steps <= total_steps:
            raise PruningError(
                f"last_steps must be from 1 to total_steps={total_steps}, received {last_steps}."
            )
        if not callable(schedule) and not isinstance(schedule, int | float):
            raise PruningError(
                f"schedule must be a Keras schedule, a function of the step or a number, received "
                f"{schedule!r}."
            )
        self.schedule = schedule
        self.total_steps, self.last_steps = int(total_steps), int(last_steps)

    def __call__(self, step: Any) -> Any:
        """The learning rate at `step` of the retraining; past its end, the last one."""
        step = keras.ops.cast(step, "int32")
        step = keras.ops.minimum(step + (self.total_steps - self.last_steps), self.total_steps - 1)
        return self.schedule(step) if callable(self.schedule) else float(self.schedule)

    def get_config(self) -> dict[str, Any]:
        """Arguments, for saving."""
        schedule = self.schedule
        if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            schedule = keras.saving.serialize_keras_object(schedule)
        return {
            "schedule": schedule,
            "total_steps": self.total_steps,
            "last_steps": self.last_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> RewoundLearningRate:
        """The schedule that `get_config` described."""
        if isinstance(config["schedule"], dict):
            schedule = keras.saving.deserialize_keras_object(config["schedule"])
            config = {**config, "schedule": schedule}
        return cls(**config)


def rewind(optimizer: Any, total_steps: int, last_steps: int) -> Any:
    """A fresh optimizer like the one that trained a network, with its learning rate rewound.

    Args:
        optimizer: a Keras optimizer whose learning rate is a schedule or a number that was
            never changed by hand or by a callback (its past is not recorded).
        total_steps: updates of the training.
        last_steps: how many of its last updates are repeated.

    Returns:
        An optimizer of the same class and settings, without state (as after a restart) and
        without a loss-scaling shell, which `compile` puts on again under mixed precision.

    Example:
        >>> model.compile("sgd", loss)  # trained for 10,000 steps with a schedule
        >>> optimizer = rewind(model.optimizer, total_steps=10_000, last_steps=4_000)
        >>> pruner = Pruner(Unstructured(), OneShot(0.8)).attach(model)
        >>> model.compile(optimizer, loss)
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    config = optimizer.get_config()
    known = getattr(optimizer, "_learning_rate", None)
    if callable(known) and not isinstance(known, keras.Variable):
        rate: Rate = known
    else:
        rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    config.pop("learning_rate", None)
    config.pop("name", None)
    rewound = RewoundLearningRate(rate, total_steps, last_steps)
    return type(optimizer)(learning_rate=rewound, **config)
