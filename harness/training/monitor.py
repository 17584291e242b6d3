"""What is logged of training, step by step, and where training stands."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np

from harness.training import recipe
from harness.training.checkpoint import Segment, State, restore, snapshot
from harness.training.errors import TrainingError
from harness.training.options import PhaseOptions, TrainingOptions

#: So many stretches tell the time of a step.
_TIMES = 1000
Metrics = dict[str, float]


class Pruner(Protocol):
    """What the loop asks of a pruner that is attached to the model already."""

    def callback(self) -> Any:
        """A Keras callback that moves the masks."""

    def progress(self) -> tuple[float, float]:
        """The sparsity scheduled and that reached, fractions of the prunable weights."""

    def get_state(self) -> dict[str, np.ndarray]:
        """All that `set_state` needs to go on from here."""

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from a state of `get_state`."""


@dataclass(frozen=True)
class Progress:
    """Where training stands, for a person watching.

    Attributes:
        step: Optimizer steps done, of `total_steps`.
        epoch: Passes over the data done (with a fraction), of `total_epochs`.
        metrics: The latest metrics logged.
    """

    step: int
    total_steps: int
    epoch: float
    total_epochs: float
    metrics: Metrics


class Monitor(keras.callbacks.Callback):
    """Turns Keras' running means into one value a stretch of `log_every` steps.

    `step` is the last one done, `at` the segment under way.

    Values are read, and the means restarted, only at the end of a stretch: reading at every
    step would make the device wait for Python.
    """

    def __init__(
        self,
        phase: PhaseOptions,
        training: TrainingOptions,
        length: recipe.Length,
        segment: int,
        state: State,
        pruner: Pruner | None,
        on_log: Callable[[int, Metrics], None],
        on_progress: Callable[[Progress], None],
        wanted: Callable[[], bool],
    ):
        super().__init__()
        self._pruner = pruner
        self._rate = recipe.phase_rate(phase, training, length)
        self._log_every, self._parts = training.log_every, training.parts
        self._length = length
        self.step = state.step
        self._on_log, self._on_progress = on_log, on_progress
        self._wanted = wanted
        self._latest: Metrics = {}
        self.step_times = list(state.step_times)
        self._fits = 0
        self._segment = segment
        self.at = state.segment or self._new_segment()
        self._last_logs: Metrics = {}

    def _new_segment(self) -> Segment:
        stop = (self.step // self._segment + 1) * self._segment
        return Segment(begun=self.step, stop=min(stop, self._length.total_steps))

    def begin_segment(self) -> None:
        """Begins the next segment: the end of the last one is done with."""
        self.at = self._new_segment()

    def stood(self) -> Segment:
        """How far the segment under way has come."""
        if self.at.stretch:
            self.at.metrics = snapshot(self.model.metrics_variables)
        return self.at

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts the clock."""
        # One `fit` is one segment, or what is left of it. Its first stretch includes what does
        # not belong to a step: tracing the graph, making the batches' stream.
        self._timed = self._fits > 0 and self.at.begun == self.step
        self._fits += 1
        self._in_fit = 0
        self._paused = False
        self._since = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Takes up the means of a segment's first part."""
        if self.at.metrics:  # Keras has just reset them
            restore(self.model.metrics_variables, self.at.metrics, "means of a segment")
            self.at.metrics = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Counts a step; logs at the end of a stretch, and stops where a checkpoint is wanted."""
        # Keras counts parts of batches, and calls once for those of an execution, of which the
        # last may be cut short.
        done, rest = divmod(min(batch + 1, self.params["steps"]), self._parts)
        done -= self._in_fit
        self._last_logs = logs
        if not done:
            return
        self._in_fit += done
        self.step += done
        self.at.stretch += done
        if self.step // self._log_every > (self.step - done) // self._log_every:
            self.log(self._close_stretch(logs))
            self.at.logged = True
            self._since = time.perf_counter()
        if self.step < self.at.stop and not rest and self._wanted():
            self._paused = self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Closes a segment that has come to its end."""
        self.model.stop_training = True
        if self._paused:
            return
        # What is left of a segment counts in its means; it is logged only where nothing
        # else would be, for a mean of one or two steps is mostly noise.
        if self.at.stretch:
            values = self._close_stretch(self._last_logs)
            if not self.at.logged:
                self.log(values)

    def _close_stretch(self, logs: Any) -> Metrics:
        values = {f"train/{name}": float(value) for name, value in logs.items()}
        if not math.isfinite(values["train/loss"]):
            raise TrainingError(
                f"training diverged: the loss is {values['train/loss']} by step {self.step};"
                " lower the learning rate or set clip_norm"
            )
        at = self.at
        for name, value in values.items():
            at.means[name] = at.means.get(name, 0.0) + value * at.stretch
        at.steps += at.stretch
        if self._timed:
            self.step_times.append((time.perf_counter() - self._since) / at.stretch)
            del self.step_times[:-_TIMES]
        self._timed = True
        at.stretch = 0
        self.model.reset_metrics()
        rate = self._rate(self.step - 1) if callable(self._rate) else self._rate
        return {**values, "train/learning_rate": float(rate), **self._sparsity()}

    def _sparsity(self) -> Metrics:
        if self._pruner is None:
            return {}
        scheduled, reached = self._pruner.progress()
        return {"sparsity/scheduled": round(scheduled, 6), "sparsity/reached": round(reached, 6)}

    def segment_means(self) -> Metrics:
        """Means of the training metrics over the segment just ended."""
        return {name: total / self.at.steps for name, total in self.at.means.items()}

    def step_ms(self) -> float | None:
        """Median milliseconds of a step; None without a stretch after a process's first."""
        return statistics.median(self.step_times) * 1e3 if self.step_times else None

    def log(self, metrics: Metrics) -> None:
        """Hands metrics on, and tells where training stands."""
        self._on_log(self.step, metrics)
        self._latest = {**self._latest, **metrics}
        per_epoch = self._length.steps_per_epoch
        self._on_progress(
            Progress(
                step=self.step,
                total_steps=self._length.total_steps,
                epoch=self.step / per_epoch,
                total_epochs=self._length.total_steps / per_epoch,
                metrics=dict(self._latest),
            )
        )
