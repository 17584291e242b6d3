"""One cell, from config to finished MLflow run.

This module imports no TensorFlow, so that config errors and `--help` come at once; the
stages are imported in the cell's own process, where the fork server has loaded them.
"""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cell import delivery, earlier, measures, memory, timing
from harness.cell.cell import Cell, checkpoint_file, trained_file, work_path
from harness.cell.delivery import INTERRUPTED_RUN
from harness.cell.job import Busy, Emit, as_interrupted, ignore_interrupts, signals
from harness.cell.lock import held
from harness.config import is_dense
from harness.config.identity import FORMAT
from harness.errors import HarnessError
from harness.tracking import artifacts, away, cell_run, describe, inputs
from harness.tracking.cell_run import CellRun
from harness.training.options import TrainingOptions
from harness.training.strategy import is_chief


def run_cell(cell: Cell, parent_run: str | None, emit: Emit) -> dict[str, Any]:
    """Runs a cell in this process, unless it is finished, and returns its run.

    An unfinished run of the same cell is taken up again from its last checkpoint and ends
    with the numbers that it would have had.

    Args:
        cell: from `harness.sweep.plan`.
        parent_run: the run id of its sweep, if it has one.
        emit: takes events: `{"kind": "stage" | "progress", …}`; `trained` once only files are
            left to do (`say_trained`).

    Returns:
        `{"run_id": …, "metrics": {headline metrics}}`; `waits`, too, if something waits on disk
        for the store, and no run has that id yet if it was away all along.

    Raises:
        Busy: another process holds the cell's lock.
        HarnessError: input that can only be refused now.
    """
    with away.telling(lambda line: emit({"kind": "warning", "text": line})):
        return _run(cell, parent_run, emit)


def _run(cell: Cell, parent_run: str | None, emit: Emit) -> dict[str, Any]:
    if not is_chief(cell.config.strategy):
        return _assist(cell, emit)
    with held(cell):
        waiting = earlier.journal_of(cell)
        if waiting.is_finished():
            with suppress(away.AwayError), away.patience(0):
                delivery.send(waiting)
        if waiting.is_finished():
            return {"run_id": waiting.about().get("run"), "metrics": {}, "waits": True}
        answers, finished = _ask(cell)
        if finished:
            tidy(cell)
            return {"run_id": finished, "metrics": {}}
        with signals.deferred():  # a run that was made is closed, too
            run = CellRun.begin(
                cell.config,
                cell.id,
                _tags(cell, parent_run, answers),
                cell.command,
                cell.name,
                waiting,
                {"cell": cell.id, "trained": cell.trained},
                lambda: _deliver_others(cell),
            )
            if not run.resumed:  # the run that a checkpoint belongs to was deleted
                checkpoint_file(cell).unlink(missing_ok=True)
        try:
            signals.heed()
            with as_interrupted(), memory.watched(emit):
                metrics, description = _measure(cell, run, emit)
        except KeyboardInterrupt:
            ignore_interrupts()
            _close(run, INTERRUPTED_RUN, "KILLED")
            raise
        except BaseException as error:
            _close(run, f"{type(error).__name__}: {error}")
            raise
        with signals.deferred():  # what is all there is not left open
            delivered = run.finish(description, metrics)
            if delivered:
                tidy(cell)
            else:
                for path in (checkpoint_file(cell), trained_file(cell)):
                    path.unlink(missing_ok=True)
        _wait_for_all(cell)
    value = {"run_id": run.run_id, "metrics": describe.headline(metrics)}
    return value if delivered else {**value, "waits": True}


def _ask(cell: Cell) -> tuple[bool, str | None]:
    """Whether the store answers now, and the run of the cell if it is finished already."""
    with suppress(away.AwayError), away.patience(0):
        _deliver_others(cell)
        return True, cell_run.find_finished(cell.config.tracking, cell.id)
    return False, None


def _deliver_others(cell: Cell) -> None:
    """Delivers what other cells left, before this one's: a sparse run names its dense one.

    Raises:
        AwayError: the store does not answer.
    """
    tracking = cell.config.tracking
    if any(one.away for one in delivery.deliver([cell.config.work_dir], of=tracking.uri)):
        raise away.AwayError(f"the store {tracking.uri} does not answer")


def tidy(cell: Cell) -> None:
    """Removes what a finished cell needs no more; the caller holds its lock."""
    delivery.tidy(work_path(cell))


def _wait_for_all(cell: Cell) -> None:
    """Lets the other workers go on once the cell is finished: the next one may need its run."""
    if cell.config.strategy.name == "multi_worker":
        from harness.training import strategy

        strategy.barrier(cell.config.strategy)


def _close(run: CellRun, reason: str, status: str = "FAILED") -> None:
    """Closes a run that ended early, if its store takes it; if not, the next attempt does.

    What ended it is told, not that: nobody waits for long here.
    """
    with suppress(HarnessError), away.patience(0):
        run.fail(reason, status)


def tidy_finished(cell: Cell) -> None:
    """Removes what was left of a finished cell by a process that was killed before it could."""
    if work_path(cell).exists():
        with suppress(Busy), held(cell):
            tidy(cell)


def _assist(cell: Cell, emit: Emit) -> dict[str, Any]:
    """The part of a worker that is not the chief: it trains along, and logs and writes nothing.

    It reads the chief's checkpoint, for they share a work_dir.
    """
    tracking = cell.config.tracking
    finished = cell_run.find_finished(tracking, cell.id)
    if finished is None:
        _train(cell, emit)
        emit({"kind": "stage", "stage": "waiting for the chief"})
        _wait_for_all(cell)
        finished = cell_run.require_trained(tracking, cell.trained)
    return {"run_id": finished, "metrics": {}}


def close_abandoned(cell: Cell, reason: str, status: str = "FAILED") -> None:
    """Closes the run of a cell whose process died; nothing if another one has it."""
    with suppress(Busy), held(cell):
        cell_run.close_abandoned(cell.config.tracking, cell.id, reason, status)


@dataclass(frozen=True)
class _Trained:
    """What training leaves to be measured.

    Attributes:
        model: its pruner detached.
        examples: the data.
        summary: of every weight, pruned or why not.
        history: metrics by step, of this run's own training.
        metrics: what training alone can tell: its time, what reordering channels gained.
    """

    model: Any
    examples: Any
    summary: Any
    history: Sequence[Mapping[str, float]]
    metrics: Mapping[str, float]


def _train(cell: Cell, emit: Emit, run: CellRun | None = None) -> _Trained:
    """Data → model → dense baseline → pruner → train; without a run, nothing is kept.

    If a finished run has the same weights, measured in another way, they are taken from there.
    """
    from harness import data, tasks
    from harness.models.layers.plain import load_weights
    from harness.training import devices, jit, recipe, seeds, strategy

    config = cell.config
    training = jit.settle(config.training, config.strategy.name)
    devices.share()
    strategy.connect(config.strategy)
    seeds.seed_everything(config.seed, training.jit_compile)
    task = tasks.of(config)
    if warning := devices.unseen():
        emit({"kind": "warning", "text": warning})
    emit({"kind": "stage", "stage": "loading data"})
    examples = data.load(config.dataset)
    if cell.rehearsal:
        emit({"kind": "epoch", "steps": examples.steps_per_epoch(config.training.batch_size)})
        examples = data.handful(examples)
    if run is not None:
        run.set_tags({"harness.data": examples.source, "harness.devices": devices.names()})
        run.set_tags({"harness.device": devices.given()})
        inputs.log_data(run, config, cell.fingerprint, examples, data.sizes(examples))
    trained = earlier.find_trained(cell)
    with (
        strategy.scope(config.strategy, config.training.part_size),
        recipe.precision(config.training.mixed_precision),
    ):
        model = task.build(config, examples)
        strategy.synchronize(model, config.strategy)
        if trained is not None:
            return _taken_over(cell, trained, model, examples, run)
        if cell.needs is not None:
            with earlier.dense_model(cell) as path:
                load_weights(model, path)
        return _fitted(cell, task, model, examples, training, emit, run)


def _fitted(
    cell: Cell,
    task: Any,
    model: Any,
    examples: Any,
    training: TrainingOptions,
    emit: Emit,
    run: CellRun | None,
) -> _Trained:
    """Trains a model that is built, its dense baseline's weights loaded."""
    from harness.models.layers.weights import load_file
    from harness.pruning.options import summarize
    from harness.training import loop, quantization, recipe, seeds
    from harness.training.checkpoint import Checkpoint

    config, sparsity = cell.config, cell.config.sparsity
    phase_name = "dense" if is_dense(config) else "finetune"
    phase = getattr(config.training, phase_name)
    steps_per_epoch = examples.steps_per_epoch(config.training.batch_size)
    steps = recipe.length(phase, steps_per_epoch).total_steps
    pruner = sparsity.pruner(steps, seeds.derive(config.seed, "score"))
    permuted = None
    if pruner is not None:
        permuted = sparsity.method.prepare(model, pruner)
        pruner.attach(model)
    if is_dense(config) and config.training.dense_weights is not None:
        load_file(model, config.training.dense_weights)
        fitted = loop.NOTHING
    else:
        quantize = None if is_dense(config) else config.training.finetune.quantize
        with quantization.simulated(model, quantize):
            fitted = loop.fit(
                model,
                examples,
                phase,
                training,
                seed=seeds.derive(config.seed, phase_name),
                objective=task.objective,
                pruner=pruner,
                checkpoint=Checkpoint(checkpoint_file(cell), writes=run is not None),
                on_log=run.log if run is not None else lambda step, metrics: None,
                on_progress=lambda progress: emit(_progress_event(progress)),
                before_checkpoint=run.flush if run is not None else lambda: None,
                requests=signals,
            )
        if run is not None:
            run.set_tags({"harness.computed": recipe.computed(model)})
    summary = summarize(model, pruner)
    if pruner is not None:
        pruner.detach(model)
    told = {**measures.of_permutation(permuted), **measures.of_time(fitted)}
    return _Trained(model, examples, summary, fitted.history, told)


def _taken_over(
    cell: Cell, trained: str, model: Any, examples: Any, run: CellRun | None
) -> _Trained:
    """The weights of a finished run of the same training, and what that alone can tell."""
    from harness.models.layers.plain import load_weights
    from harness.pruning.options import summarize_trained

    tracking = cell.config.tracking
    with cell_run.fetched(tracking.uri, trained, earlier.MODEL_FILE) as path:
        load_weights(model, path)
    if run is not None:
        trainer = cell_run.trainer_of(tracking, trained)
        run.set_tags({"harness.trained_run_id": trainer})
    told = cell_run.final_metrics(tracking, trained, measures.OF_TRAINING)
    return _Trained(model, examples, summarize_trained(model, cell.config.sparsity), [], told)


def _measure(cell: Cell, run: CellRun, emit: Emit) -> tuple[dict[str, float], str]:
    """The page: train → evaluate → export → log.

    Returns:
        The final metrics, and what the run's page says.
    """
    from harness import tasks
    from harness.cell.shipping import ship
    from harness.models.layers import multiply_adds

    config, task = cell.config, tasks.of(cell.config)
    trained = _train(cell, emit, run)
    model, examples = trained.model, trained.examples
    emit({"kind": "stage", "stage": "evaluating"})
    scores, tested = measures.of_test(lambda: task.evaluate(model, examples, config))
    if not is_dense(config) or earlier.keep(cell, model):
        say_trained(cell, emit)
    with tempfile.TemporaryDirectory() as folder:
        counted = multiply_adds.count(model)
        shipped = ship(
            task, model, examples, config, scores, Path(folder),
            lambda stage: emit({"kind": "stage", "stage": stage}),
        )  # fmt: skip
        timed = _timed(cell, run, task, shipped, scores, emit)
        metrics = {
            **scores.metrics("test"),
            **measures.of_sparsity(trained.summary),
            **measures.of_multiply_adds(counted),
            **shipped.metrics,
            **timed.metrics,
            **trained.metrics,
            **tested,
        }
        artifacts.log_config(run, config)
        artifacts.log_model(run, model, Path(folder))
        artifacts.log_layers(run, config, trained.summary.layers)
        artifacts.log_multiply_adds(run, counted)
        artifacts.log_history(run, trained.history)
        artifacts.log_tables(run, scores.tables())
        if timed.latency is not None:
            artifacts.log_text(run, timing.FILE, timed.text)
        tags = {**scores.tags(), **shipped.tags, **timed.tags}
        run.set_tags({**tags, **earlier.baseline_tag(cell, run)})
    wanting = [f"Not exported as {one.kind}: {one.reason}" for one in shipped.failures]
    wanting += [f"Not timed: {kind}: {reason}" for kind, reason in timed.failures.items()]
    return metrics, describe.description(config, metrics, cell.command, examples.source, wanting)


def say_trained(cell: Cell, emit: Emit) -> None:
    """Says that only files are left to do, and how many bytes of memory the process has had.

    A cell that times its files says nothing: the next one would be in their way.
    """
    if not cell.config.export.latency:
        emit({"kind": "trained", "bytes": memory.peak()})


def _timed(
    cell: Cell, run: CellRun, task: Any, shipped: Any, scores: Any, emit: Emit
) -> timing.Timed:
    """What the files take to run, where that is asked for."""
    config = cell.config
    if not config.export.latency:
        return timing.NOTHING
    emit({"kind": "stage", "stage": "timing"})
    dense = earlier.baseline_run(cell, run)
    with away.patience(0), timing.baseline(config.tracking.uri, dense) as against:
        return timing.time_files(shipped, task, config, scores, against)


def _progress_event(progress: Any) -> dict[str, Any]:
    return {
        "kind": "progress",
        "step": progress.step,
        "total_steps": progress.total_steps,
        "epoch": progress.epoch,
        "epochs": progress.total_epochs,
        "metrics": progress.metrics,
    }


def _tags(cell: Cell, parent_run: str | None, answers: bool) -> dict[str, str]:
    """What the run is to say beside what its config does; `answers`: whether its store does."""
    tags = {
        "harness.format": str(FORMAT),
        "harness.trained_id": cell.trained,
        "harness.scale": cell.config.scale,
        "harness.data_fingerprint": cell.fingerprint,
    }
    if cell.dense is not None:
        tags["harness.dense_cell_id"] = cell.dense
        tracking = cell.config.tracking
        dense_run = cell_run.find_finished(tracking, cell.dense) if answers else None
        if dense_run is not None:
            tags["harness.dense_run_id"] = dense_run
    if parent_run is not None:
        tags["mlflow.parentRunId"] = parent_run
    return tags
