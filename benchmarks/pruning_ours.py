"""Our side of `benchmarks.pruning`: the same measurements as `benchmarks.pruning_tfmot`."""

from __future__ import annotations

import gc
import time
from typing import Any

import keras
import tensorflow as tf

from benchmarks.pruning_models import MODELS, compile_model
from benchmarks.timing import interleave, steps
from harness.pruning import NM, Constant, OneShot, Pruner, Unstructured, threshold
from harness.pruning.allocation.base import settle

NEVER = 10**6


def _pruner(variant: str) -> Pruner:
    if variant == "2:4":
        return Pruner(NM(2, 4), OneShot(0.5))
    return Pruner(Unstructured(), Constant(0.8, frequency=1 if variant == "refresh" else NEVER))


def _stepper(name: str, options: dict[str, Any], variant: str) -> Any:
    model, (x, y) = MODELS[name](keras, **options)
    compile_model(keras, model)
    if variant != "dense":
        _pruner(variant).attach(model)
    return lambda: model.train_on_batch(x, y)


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
    keras.backend.clear_session()
    # Functions traced once in a process: forgotten, so that each time pays for them.
    threshold._radix_select.cache_clear()
    settle.cache_clear()
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
        gc.collect()
        model, _ = MODELS["table"](keras, rows=rows, columns=columns)
        pruner = Pruner(Unstructured(), Constant(0.8, frequency=1)).attach(model)
        update = tf.function(pruner.update)
        variable, dense = model.weights[0], tf.random.normal((rows, columns))
        variable.assign(dense)
        update()
        _held.update(shape=(rows, columns), update=update, variable=variable, dense=dense)
    _held["variable"].assign(_held["dense"])
    begin = time.perf_counter()
    _held["update"]()
    return time.perf_counter() - begin


def memory(rows: int, columns: int) -> float:
    """Bytes held for each weight, beside the weight."""
    model, _ = MODELS["table"](keras, rows=rows, columns=columns)
    pruner = Pruner(Unstructured(), Constant(0.8)).attach(model)
    return sum(array.nbytes for array in pruner.get_state().values()) / (rows * columns)
