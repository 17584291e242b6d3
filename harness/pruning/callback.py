"""What has to happen around Keras' `fit`."""

from __future__ import annotations

import warnings
from typing import Any

import keras

from harness.pruning.errors import PruningError, PruningWarning


class PruningCallback(keras.callbacks.Callback):
    """Checks the schedule against the training, and keeps weights sparse at its ends.

    Masks are refreshed and applied inside the training graph; this callback adds nothing to
    a step.

    Args:
        pruner: an attached pruner.
    """

    def __init__(self, pruner: Any) -> None:
        super().__init__()
        self.pruner = pruner
        self._checked = False
        self._first_step = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Prunes anew if weights were loaded since attach, and follows a new optimizer."""
        engine = self.pruner.engine
        if engine.model is not self.model:
            raise PruningError(
                f"the pruner is attached to model {engine.model.name!r}, but this fit trains "
                f"{self.model.name!r}."
            )
        engine.check_compilation()
        self.pruner.watch_optimizer()
        if self.pruner.step == 0:
            engine.start()
        self._checked = False
        self._first_step = self.pruner.step

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Compares the schedule with the length of this training, once."""
        steps = self.params.get("steps")
        if not self._checked and steps:
            self._check_length(
                steps * (self.params["epochs"] - epoch) // self.pruner.engine.accumulation
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Same, for data sets whose length is known only now."""
        self._remask()
        if not self._checked:
            a_epoch = self.pruner.step - self._first_step
            self._check_length(a_epoch * (self.params["epochs"] - epoch))

    def on_train_end(self, logs: Any = None) -> None:
        """Leaves sparse weights."""
        self._remask()

    def _remask(self) -> None:
        # Averaged weights (use_ema) overwrite the model's outside the optimizer's constraints.
        if getattr(self.pruner.engine.optimizer, "use_ema", False):
            self.pruner.engine.apply_masks()

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
