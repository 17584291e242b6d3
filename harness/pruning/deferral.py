"""A refresh that a compiled training step leaves to what follows it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf


class Deferral:
    """Whether a step is being traced that leaves its refresh to do, and what it has left.

    Attributes:
        pending: bool variable: the step just taken has left a refresh.
        updated: places of the weights that the step updates.
    """

    def __init__(self) -> None:
        self.pending: Any = None
        self.updated: set[int] = set()
        self._local = threading.local()

    def create_variable(self) -> None:
        """Creates the flag. Call it under the model's distribution strategy."""
        none = tf.VariableAggregation.NONE
        self.pending = tf.Variable(False, trainable=False, name="pending", aggregation=none)

    @property
    def active(self) -> bool:
        """Whether this thread is tracing such a step."""
        return getattr(self._local, "active", False)

    @contextmanager
    def within(self) -> Iterator[None]:
        """Traces such a step within the block."""
        self._local.active = True
        try:
            yield
        finally:
            self._local.active, self._local.due = False, None

    def leave(self, due: Any) -> None:
        """Leaves a refresh if it is `due` (bool scalar tensor)."""
        self.pending.assign(due)
        self._local.due = due

    def left(self, place: int, updated: Any, settled: Any) -> Any:
        """What a weight becomes in the step: `settled`, or as the optimizer `updated` it.

        A refresh wants the weights before they are on the old masks.
        """
        self.updated.add(place)
        return tf.where(self._local.due, updated, settled)
