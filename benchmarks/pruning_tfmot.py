"""The side of tfmot 0.8.1 in `benchmarks.pruning`; runs in its own virtual environment."""

from __future__ import annotations

import gc
import time
from typing import Any

import tensorflow as tf
import tensorflow_model_optimization as tfmot  # before tf_keras: it chooses the Keras
import tf_keras

from benchmarks.peers import serve
from benchmarks.pruning_models import MODELS, compile_model
from benchmarks.timing import interleave, steps

NEVER = 10**6
_sparsity = tfmot.sparsity.keras


def _pruned(model: Any, variant: str) -> Any:
    if variant == "2:4":
        return _sparsity.prune_low_magnitude(model, sparsity_m_by_n=(2, 4))
    frequency = 1 if variant == "refresh" else NEVER
    schedule = _sparsity.ConstantSparsity(0.8, begin_step=1, frequency=frequency)
    return _sparsity.prune_low_magnitude(model, pruning_schedule=schedule)


def _stepper(name: str, options: dict[str, Any], variant: str) -> Any:
    model, (x, y) = MODELS[name](tf_keras, **options)
    if variant == "dense":
        compile_model(tf_keras, model)
        return lambda: model.train_on_batch(x, y)
    model = compile_model(tf_keras, _pruned(model, variant))
    callback = _sparsity.UpdatePruningStep()
    callback.set_model(model)
    callback.on_train_begin()

    def step() -> None:
        callback.on_train_batch_begin(0)
        model.train_on_batch(x, y)

    return step


def step_times(name: str, options: dict[str, Any], rounds: int, count: int) -> Any:
    """Step times of the dense model and of each pruned variant, in turns."""
    found = {}
    for variant in ("dense", "plain", "refresh", "2:4"):
        step = _stepper(name, options, variant)
        for _ in range(3):
            step()
        found[variant] = steps(step, count)
    return interleave(found, rounds)


def first_step(name: str, options: dict[str, Any], variant: str) -> float:
    """Seconds from nothing to the end of the first training step."""
    tf_keras.backend.clear_session()
    gc.collect()
    begin = time.perf_counter()
    _stepper(name, options, variant)()
    return time.perf_counter() - begin


_held: dict[str, Any] = {}


def refresh(rows: int, columns: int) -> float:
    """Seconds to refresh the mask of one embedding and to put its weights on it.

    The weights are dense each time, as updated weights are: zeros are faster to sort.
    """
    if _held.get("shape") != (rows, columns):
        _held.clear()
        model, _ = MODELS["table"](tf_keras, rows=rows, columns=columns)
        wrapper = _pruned(model, "refresh").layers[-1]
        wrapper.pruning_step.assign(1)

        @tf.function
        def update() -> None:
            wrapper.pruning_obj.conditional_mask_update()
            wrapper.pruning_obj.weight_mask_op()

        variable, dense = wrapper.layer.embeddings, tf.random.normal((rows, columns))
        variable.assign(dense)
        update()
        _held.update(shape=(rows, columns), update=update, variable=variable, dense=dense)
    _held["variable"].assign(_held["dense"])
    begin = time.perf_counter()
    _held["update"]()
    return time.perf_counter() - begin


def memory(rows: int, columns: int) -> float:
    """Bytes held for each weight, beside the weight."""
    model, _ = MODELS["table"](tf_keras, rows=rows, columns=columns)
    own = {id(v) for v in model.variables}
    held = [v for v in _pruned(model, "refresh").variables if id(v) not in own]
    # Cloning makes a new kernel; what pruning adds is not trainable.
    added = [v for v in held if not v.trainable]
    return sum(v.dtype.size * v.shape.num_elements() for v in added) / (rows * columns)


if __name__ == "__main__":
    serve(
        {"step_times": step_times, "first_step": first_step, "refresh": refresh, "memory": memory}
    )
