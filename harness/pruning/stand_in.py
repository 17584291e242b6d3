"""Standing in front of a method of one object, of no other of its class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class StandIn:
    """One listener's share of what stands in front of a method; `remove` gives it up.

    Args:
        owner: the object.
        name: its method's.
        wrapper: makes, of the method, what is called instead. It has a list `listeners`, and
            goes when the last of them does.
        listener: what this one adds to them.
    """

    def __init__(self, owner: Any, name: str, wrapper: Callable[[Any], Any], listener: Any) -> None:
        self.owner, self._name, self._listener = owner, name, listener
        if name not in vars(owner):
            # Not through Keras' __setattr__, which would track it as part of the owner.
            object.__setattr__(owner, name, wrapper(getattr(owner, name)))
        vars(owner)[name].listeners.append(listener)

    def remove(self) -> None:
        """Gives the owner its own method back once nobody else listens."""
        listeners = vars(self.owner)[self._name].listeners
        listeners.remove(self._listener)
        if not listeners:
            del vars(self.owner)[self._name]
