"""The training loop: segments of `fit`, each ended by validation and a checkpoint.

A run killed at any step and started again goes on from the last segment's end with the
same bits: weights, optimizer, dropout streams and masks come from the checkpoint, and the
batches are a function of the step. What is logged depends on the segments, never on where
a process started.
"""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np

from harness.data.base import Data
from harness.training import recipe, seeds, strategy, workers
from harness.training.accumulation import in_parts
from harness.training.checkpoint import Checkpoint, State, restore, snapshot
from harness.training.errors import TrainingError
from harness.training.objective import Objective, classification
from harness.training.options import PhaseOptions, TrainingOptions

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
        seconds_left: Estimate from the steps of this process; None before the first.
    """

    step: int
    total_steps: int
    epoch: float
    total_epochs: float
    metrics: Metrics
    seconds_left: float | None


@dataclass(frozen=True)
class FitResult:
    """What a finished phase is worth knowing.

    Attributes:
        steps: Optimizer steps, over all processes that took part.
        seconds: Time in training steps, without validation and checkpoints.
        step_ms: Median milliseconds of a step of this process (over stretches of
            `log_every`, without the first, which traces the graph); None if it took too
            few steps to say.
        history: One record a segment: `step`, the means of `train/…` over the segment and
            `val/…` at its end.
        validation: The last `val/…` metrics.
    """

    steps: int
    seconds: float
    step_ms: float | None
    history: list[Metrics]
    validation: Metrics = field(default_factory=dict)


#: The result of a phase that has nothing to do: dense weights that were given.
NOTHING = FitResult(steps=0, seconds=0.0, step_ms=None, history=[])


def fit(
    model: keras.Model,
    data: Data,
    phase: PhaseOptions,
    training: TrainingOptions,
    *,
    seed: int,
    objective: Callable[[float], Objective] = classification,
    pruner: Pruner | None = None,
    checkpoint: Checkpoint | None = None,
    on_log: Callable[[int, Metrics], None] = lambda step, metrics: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    before_checkpoint: Callable[[], None] = lambda: None,
) -> FitResult:
    """Trains a model through one phase, resuming from its checkpoint if there is one.

    Args:
        model: A built model; it is compiled here. With a pruner, attached already.
        data: Training batches and validation examples.
        phase: Length, optimizer and learning rate.
        training: Batch size and what else the phases share.
        seed: Decides the data order and the random layers; give the dense and the
            fine-tuning phase different ones (`seeds.derive`).
        objective: Makes loss and metrics from the label smoothing.
        pruner: Its callback runs, and its state goes into the checkpoints.
        checkpoint: Where to write, every `training.checkpoint_epochs`, and to resume from.
        on_log: Called with the global step and `train/loss`, `train/learning_rate` and the
            objective's metrics, such as `train/accuracy` (means of the steps since the last
            call, at multiples of `training.log_every`), and `val/loss` and so on at each
            segment's end. With a pruner also `sparsity/scheduled` and `sparsity/reached`, the
            schedule as run.
        on_progress: Called after each `on_log`.
        before_checkpoint: Called before a checkpoint is written: whatever was logged and
            is still buffered must be stored now, for a resume will not log it again.

    Raises:
        ConfigError: If the phase has no step, or a batch does not fit.
        TrainingError: If the checkpoint is damaged or of another model, or the loss is no
            longer finite.
    """
    length = recipe.length(phase, data.steps_per_epoch(training.batch_size))
    recipe.compile_model(model, phase, training, length, objective(training.label_smoothing))
    state = checkpoint.load() if checkpoint else None
    if state is None:
        seeds.reseed(model, seeds.derive(seed, "layers"))
        state = State(step=0, variables=[])
    else:
        restore(_variables(model), state.variables, checkpoint and checkpoint.path)
        if pruner is not None:
            pruner.set_state(state.pruner)

    monitor = _Monitor(phase, training, length, state.step, pruner, on_log, on_progress)
    callbacks = [pruner.callback(), monitor] if pruner is not None else [monitor]
    order = seeds.derive(seed, "order")
    segment = max(1, round(training.checkpoint_epochs * length.steps_per_epoch))
    segments = math.ceil(length.total_steps / segment)
    while state.step < length.total_steps:
        number = state.step // segment
        stop = min(length.total_steps, (number + 1) * segment)
        batches = in_parts(data.train(training.batch_size, order, state.step), training.parts)
        span = (number, segments, (stop - state.step) * training.parts)
        state.seconds += _train(model, batches, span, callbacks)
        state.step = stop
        strategy.unite(model)
        validation = _validate(model, data, training.batch_size)
        state.history.append({"step": stop, **monitor.segment_means(), **validation})
        monitor.log(validation)
        if checkpoint is not None:
            before_checkpoint()
            state.variables = snapshot(_variables(model))
            state.pruner = pruner.get_state() if pruner is not None else {}
            checkpoint.save(state)
    last = state.history[-1]
    return FitResult(
        steps=state.step,
        seconds=state.seconds,
        step_ms=monitor.step_ms(),
        history=state.history,
        validation={name: value for name, value in last.items() if name.startswith("val/")},
    )


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _train(
    model: keras.Model, batches: Any, span: tuple[int, int, int], callbacks: list[Any]
) -> float:
    """Runs one segment; returns the seconds that took.

    Keras is told of the whole phase, a segment being its epoch, so that callbacks can tell
    how long training will be; the monitor stops it after this one.

    Args:
        model: The compiled model.
        batches: Training batches, or parts of them, from the segment's first step on.
        span: The segment's number, how many there are, and how many batches it takes.
        callbacks: The monitor among them.
    """
    number, segments, steps = span
    begin = time.perf_counter()
    if workers.is_distributed(model):
        workers.train(model, batches, span, callbacks)
        return time.perf_counter() - begin
    if model.steps_per_execution > 1:
        batches = batches.take(steps)  # or the last execution would go beyond
    model.fit(
        batches,
        initial_epoch=number,
        epochs=segments,
        steps_per_epoch=steps,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    return time.perf_counter() - begin


def _validate(model: keras.Model, data: Data, batch_size: int) -> Metrics:
    batches = data.validation(batch_size)
    if workers.is_distributed(model):
        values = workers.validate(model, batches)
    else:
        values = model.evaluate(batches, return_dict=True, verbose=0)
    return {f"val/{name}": float(value) for name, value in values.items()}


class _Monitor(keras.callbacks.Callback):
    """Turns Keras' running means into one value a stretch of `log_every` steps.

    Values are read, and the means restarted, only at the end of a stretch: reading at every
    step would make the device wait for Python.
    """

    def __init__(
        self,
        phase: PhaseOptions,
        training: TrainingOptions,
        length: recipe.Length,
        step: int,
        pruner: Pruner | None,
        on_log: Callable[[int, Metrics], None],
        on_progress: Callable[[Progress], None],
    ):
        super().__init__()
        self._pruner = pruner
        self._rate = recipe.phase_rate(phase, training, length)
        self._log_every, self._parts = training.log_every, training.parts
        self._length = length
        self._step = self._first_step = step
        self._on_log, self._on_progress = on_log, on_progress
        self._latest: Metrics = {}
        self._step_times: list[float] = []
        self._begin = time.perf_counter()
        self.on_train_begin()

    def on_train_begin(self, logs: Any = None) -> None:
        # One `fit` is one segment.
        self._sums: Metrics = {}
        self._steps = self._stretch = self._segment = 0
        self._logged_in_segment = False
        self._last_logs: Metrics = {}
        self._since = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # Keras counts parts of batches, and calls once for those of an execution, of which the
        # last may be cut short.
        done = min(batch + 1, self.params["steps"]) // self._parts - self._segment
        self._last_logs = logs
        if not done:
            return
        self._segment += done
        self._step += done
        self._stretch += done
        if self._step // self._log_every > (self._step - done) // self._log_every:
            self.log(self._close_stretch(logs))
            self._logged_in_segment = True
            self._since = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.stop_training = True
        # What is left of a segment counts in its means; it is logged only where nothing
        # else would be, for a mean of one or two steps is mostly noise.
        if self._stretch:
            values = self._close_stretch(self._last_logs)
            if not self._logged_in_segment:
                self.log(values)

    def _close_stretch(self, logs: Any) -> Metrics:
        values = {f"train/{name}": float(value) for name, value in logs.items()}
        if not math.isfinite(values["train/loss"]):
            raise TrainingError(
                f"training diverged: the loss is {values['train/loss']} by step {self._step};"
                " lower the learning rate or set clip_norm"
            )
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value * self._stretch
        self._steps += self._stretch
        self._step_times.append((time.perf_counter() - self._since) / self._stretch)
        self._stretch = 0
        self.model.reset_metrics()
        rate = self._rate(self._step - 1) if callable(self._rate) else self._rate
        return {**values, "train/learning_rate": float(rate), **self._sparsity()}

    def _sparsity(self) -> Metrics:
        if self._pruner is None:
            return {}
        scheduled, reached = self._pruner.progress()
        return {"sparsity/scheduled": round(scheduled, 6), "sparsity/reached": round(reached, 6)}

    def segment_means(self) -> Metrics:
        """Means of the training metrics over the segment just ended."""
        return {name: total / self._steps for name, total in self._sums.items()}

    def step_ms(self) -> float | None:
        """Median milliseconds of a step; None without a stretch after the first."""
        later = self._step_times[1:]
        return statistics.median(later) * 1e3 if later else None

    def log(self, metrics: Metrics) -> None:
        """Hands metrics on, and tells where training stands."""
        self._on_log(self._step, metrics)
        self._latest = {**self._latest, **metrics}
        done = self._step - self._first_step
        left = self._length.total_steps - self._step
        pace = (time.perf_counter() - self._begin) / done if done else None
        per_epoch = self._length.steps_per_epoch
        self._on_progress(
            Progress(
                step=self._step,
                total_steps=self._length.total_steps,
                epoch=self._step / per_epoch,
                total_epochs=self._length.total_steps / per_epoch,
                metrics=dict(self._latest),
                seconds_left=pace * left if pace is not None else None,
            )
        )
