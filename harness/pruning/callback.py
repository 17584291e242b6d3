"""A schedule compared with the length of Keras' `fit`."""

from __future__ import annotations

import warnings
from typing import Any

import keras

from harness.pruning.beginning import warn_of_zeros
from harness.pruning.errors import PruningError, PruningWarning


class PruningCallback(keras.callbacks.Callback):
    """Checks the schedule against the training.

    Masks are refreshed and applied inside the training graph; this callback adds nothing to
    a step. Its place among other callbacks does not matter.

    Args:
        pruner: an attached pruner.
    """

    def __init__(self, pruner: Any) -> None:
        super().__init__()
        self.pruner = pruner
        self._begun = self._checked = False
        self._first_step = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Refuses a model or compilation that cannot be trained."""
        engine = self.pruner.engine
        if engine.model is not self.model:
            raise PruningError(
                f"the pruner is attached to model {engine.model.name!r}, but this fit trains "
                f"{self.model.name!r}: attach to the model whose fit you call; a scope, such as "
                "ByName, says which of its layers are pruned."
            )
        engine.check()
        self._begun = self._checked = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Compares the schedule with the length of this training, once."""
        if not self._begun:
            self._begun = True
            if not self.pruner.engine.begun:  # not every driver of callbacks is a `fit`
                self.pruner.begin_training()
            self._first_step = self.pruner.step
            if epoch and not self._first_step:
                warn_of_zeros(self.pruner.engine)
        steps = self.params.get("steps")
        if not self._checked and steps:
            self._check_length(
                steps * (self.params["epochs"] - epoch) // self.pruner.engine.accumulation
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Same, for data sets whose length is known only now."""
        if not self._checked:
            a_epoch = self.pruner.step - self._first_step
            self._check_length(a_epoch * (self.params["epochs"] - epoch))

    def on_train_end(self, logs: Any = None) -> None:
        """Leaves sparse weights."""
        self.pruner.end_training()

    def _check_length(self, updates: int) -> None:
        """Warns if the schedule does not end within `updates` more updates."""
        self._checked = True
        schedule = self.pruner.schedule
        end = self._first_step + updates
        last = schedule.last_update(end)
        if schedule.begin_step > end:
            text = (
                f"Nothing will be pruned: training ends at step {end}, the schedule begins at "
                f"step {schedule.begin_step}. Sparsity reached: 0."
            )
        elif last is not None and schedule.end_step is not None and end < schedule.end_step:
            reached = float(schedule.sparsity(last))
            final = f"{schedule.final_sparsity:.4f}"
            missed = "" if f"{reached:.4f}" == final else f" instead of {final}"
            text = (
                f"Training ends at step {end}, the schedule at step {schedule.end_step}: sparsity "
                f"{reached:.4f} will be reached{missed}."
            )
        else:
            return
        warnings.warn(text, PruningWarning, stacklevel=2)
