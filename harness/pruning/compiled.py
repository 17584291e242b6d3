"""Training steps compiled by XLA, with the refresh of the masks beside them.

Keras compiles the whole of what it calls a step (`jit_compile=True`). With a pruner on the model
XLA compiles the same step, masks applied, and the refresh follows it in TensorFlow's own graph:
every pattern, score and method trains so, `steps_per_execution` included, and a mask is the one
that the plain graph would have made.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import tensorflow as tf

from harness.pruning.engine import Engine, as_written
from harness.pruning.stand_in import StandIn


class CompiledStep(StandIn):
    """Stands in front of one model's `make_train_function` until it is removed.

    Args:
        engine: whose masks are refreshed beside a compiled step.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.model, "make_train_function", _Maker, engine)


class _Maker:
    """A model's `make_train_function` that compiles the step alone."""

    def __init__(self, original: Any) -> None:
        self.original = original
        self.listeners: list[Engine] = []

    def __call__(self, force: bool = False) -> Any:
        model = self.original.__self__
        known = model.train_function is not None and not force
        if known or getattr(model, "jit_compile", False) is not True:
            return self.original(force)
        own, step = vars(model).get("train_step"), model.train_step
        # Keras reads both once, while it makes the function.
        object.__setattr__(model, "train_step", _beside(step, list(self.listeners)))
        model._jit_compile = False
        try:
            return self.original(force)
        finally:
            model._jit_compile = True
            del vars(model)["train_step"]
            if own is not None:
                object.__setattr__(model, "train_step", own)


def _beside(step: Any, engines: list[Engine]) -> Any:
    def alone(data: Any) -> Any:
        with ExitStack() as stack:
            for engine in engines:
                stack.enter_context(engine.deferral.within())
            return step(data)

    for engine in engines:
        engine.deferral.updated.clear()
    compiled = tf.function(alone, jit_compile=True, reduce_retracing=True, autograph=False)

    @as_written
    def train_step(data: Any) -> Any:
        logs = compiled(data)
        for engine in engines:
            engine.refresh_if_due()
        return logs

    return train_step
