"""The side of legacy tf_keras in `benchmarks.images`; runs in its own virtual environment."""

from __future__ import annotations

from typing import Any

import tf_keras

from benchmarks.peers import serve
from benchmarks.pruning_models import MODELS, compile_model
from benchmarks.timing import steps

_held: dict[str, Any] = {}


def prepare(name: str, options: dict[str, Any]) -> None:
    """Builds and compiles a model, and takes its first steps; the one before is forgotten."""
    _held.clear()
    tf_keras.backend.clear_session()
    model, (x, y) = MODELS[name](tf_keras, **options)
    compile_model(tf_keras, model)
    _held["step"] = lambda: model.train_on_batch(x, y)
    for _ in range(3):
        _held["step"]()


def step_times(count: int) -> list[float]:
    """Seconds of `count` training steps of the model prepared."""
    return steps(_held["step"], count)()


if __name__ == "__main__":
    serve({"prepare": prepare, "step_times": step_times})
