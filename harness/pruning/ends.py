"""The two ends of a Keras `fit`, whatever its callbacks are and in whatever order."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import keras

from harness.pruning.stand_in import StandIn

Ends = tuple[Callable[[], None], Callable[[], None]]


class FitEnds(StandIn):
    """Stands in front of one model's `fit` until it is removed.

    Callbacks may load weights when training begins (`BackupAndRestore`) and when it ends
    (`EarlyStopping`), after any callback of ours, and a training that fails calls none. So one
    more callback goes to the end of the list, and what is done at the end is done whatever
    happens.

    Args:
        model: a Keras model.
        begin: called when all callbacks have begun, before the first batch.
        end: called when `fit` returns or raises.
    """

    def __init__(self, model: Any, begin: Callable[[], None], end: Callable[[], None]) -> None:
        super().__init__(model, "fit", _Fit, (begin, end))


class _Fit:
    """A model's `fit` that calls what is to be called at its ends."""

    def __init__(self, original: Any) -> None:
        functools.update_wrapper(self, original)
        self.original = original
        self.listeners: list[Ends] = []
        self._last = keras.callbacks.LambdaCallback(on_train_begin=self._begin)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        positional, named = self._with_last(list(args), kwargs)
        try:
            return self.original(*positional, **named)
        finally:
            for _, end in list(self.listeners):
                end()

    def _begin(self, logs: Any) -> None:
        for begin, _ in list(self.listeners):
            begin()

    def _with_last(self, args: list[Any], kwargs: Any) -> tuple[list[Any], Any]:
        """The arguments, with one callback more."""
        parameters = inspect.signature(self.original).parameters
        names = list(parameters)
        place = names.index("callbacks") if "callbacks" in names else len(args)
        if place < len(args):
            args[place] = self._appended(args[place])
        elif "callbacks" in names or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            kwargs["callbacks"] = self._appended(kwargs.get("callbacks"))
        return args, kwargs  # unless it is a `fit` of the model's own, without callbacks

    def _appended(self, callbacks: Any) -> Any:
        if isinstance(callbacks, keras.callbacks.CallbackList):
            if self._last not in callbacks.callbacks:
                callbacks.callbacks.append(self._last)
            return callbacks
        return [self._last] if callbacks is None else [callbacks, self._last]
