"""The training loop: segments of `fit`, each ended by validation and a checkpoint.

A run killed at any step and started again goes on from the last segment's end, or from where
it was asked to stop, with the same bits: weights, optimizer, dropout streams, masks and the
means under way come from the checkpoint, and the batches are a function of the step. What is
logged depends on the segments, never on where a process started or stopped.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from harness.data.base import Data
from harness.training import accumulation, devices, jit, recipe, seeds, strategy, workers
from harness.training.checkpoint import Checkpoint, State, restore, snapshot
from harness.training.monitor import Metrics, Monitor, Progress, Pruner
from harness.training.objective import Objective, classification
from harness.training.options import PhaseOptions, TrainingOptions
from harness.training.requests import Requests


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
        validating: Time in validation, seconds.
        validation: The last `val/…` metrics.
    """

    steps: int
    seconds: float
    step_ms: float | None
    history: list[Metrics]
    validating: float = 0.0
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
    requests: Requests | None = None,
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
        requests: Who may want a checkpoint at any step. Several processes that train
            together ask each other, every `training.log_every` steps.

    Raises:
        ConfigError: If the phase has no step, or a batch does not fit.
        TrainingError: If the checkpoint is damaged or of another model, or the loss is no
            longer finite.
    """
    length = recipe.length(phase, data.steps_per_epoch(training.batch_size))
    inside, training = accumulation.within_steps(model, training)
    recipe.compile_model(model, phase, training, length, objective(training.label_smoothing))
    if jit.resolve(training.jit_compile):
        seeds.deterministic_unless_compiled(model)
    state = checkpoint.load() if checkpoint else None
    if state is None:
        seeds.reseed(model, seeds.derive(seed, "layers"))
        state = State(step=0, variables=[])
    else:
        restore(_variables(model), state.variables, checkpoint and checkpoint.path)
        if pruner is not None:
            pruner.set_state(state.pruner)

    requests = requests or Requests()
    if workers.is_distributed(model):
        requests = workers.Agreed(requests, model, lambda: monitor.step % training.log_every == 0)
    segment = max(1, round(training.checkpoint_epochs * length.steps_per_epoch))
    monitor = Monitor(
        phase, training, length, segment, state, pruner, on_log, on_progress, requests.wanted
    )
    callbacks = [pruner.callback(), monitor] if pruner is not None else [monitor]
    order = seeds.derive(seed, "order")
    replicas = model.distribute_strategy.num_replicas_in_sync

    def save() -> None:
        if checkpoint is not None:
            before_checkpoint()
            state.variables = snapshot(_variables(model))
            state.pruner = pruner.get_state() if pruner is not None else {}
            state.step_times = monitor.step_times
            checkpoint.save(state)

    def save_as_wanted() -> None:
        with requests.deferred():
            state.segment = monitor.stood()
            save()
        requests.checkpointed()

    while monitor.at.begun < length.total_steps:
        stop = monitor.at.stop
        if state.step < stop:
            batches = data.train(training.batch_size, order, state.step)
            batches = accumulation.in_parts(batches, training.parts)
            batches = accumulation.by_replica(batches, inside, replicas)
            number, segments, steps = _span(
                monitor.at.begun // segment, state.step, stop, length.total_steps
            )
            span = (number, segments, steps * training.parts)
            if monitor.at.metrics:
                workers.build_metrics(model, batches)
            with requests.stepping(), accumulation.in_parts_of_steps(model, inside):
                state.seconds += _train(model, batches, span, callbacks)
            state.step = monitor.step
            strategy.unite(model)
        if state.step < stop or requests.wanted():
            save_as_wanted()
            continue
        begin = time.perf_counter()
        validation = _validated(model, data, training.batch_size, save_as_wanted)
        state.validating += time.perf_counter() - begin
        with requests.deferred():
            state.history.append({"step": stop, **monitor.segment_means(), **validation})
            monitor.log(validation)
            monitor.begin_segment()
            state.segment = None
            save()
        if requests.wanted():
            requests.checkpointed()
    last = state.history[-1]
    return FitResult(
        steps=state.step,
        seconds=state.seconds,
        step_ms=monitor.step_ms(),
        history=state.history,
        validating=state.validating,
        validation={name: value for name, value in last.items() if name.startswith("val/")},
    )


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _span(number: int, step: int, stop: int, total: int) -> tuple[int, int, int]:
    """A segment as Keras is told of it: its number, how many there are, its steps.

    One that is taken up in its middle has fewer steps, and there seem to be more of them.
    """
    steps = stop - step
    return number, number + math.ceil((total - step) / steps), steps


def _validated(
    model: keras.Model, data: Data, batch_size: int, save: Callable[[], None]
) -> Metrics:
    """Validates; if that is broken off, what was trained before it is saved."""
    try:
        return _validate(model, data, batch_size)
    except BaseException:
        save()
        raise


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
    if model.distribute_strategy.num_replicas_in_sync == 1:
        batches = devices.ahead(batches, devices.accelerator())
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
