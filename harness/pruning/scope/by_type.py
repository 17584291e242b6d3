"""Kernels of layers of given classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.options import choice, need
from harness.pruning.errors import PruningError
from harness.pruning.scope.base import Scope, ScopeOptions, Verdicts

if TYPE_CHECKING:
    from harness.pruning.kernels import Kernel


@choice
@dataclass
class ByTypeOptions(ScopeOptions):
    """The kernels of layers of Keras, by the names of their classes; those of subclasses, too."""

    kind: str = "by_type"
    types: list[str] = field(default_factory=list)

    def check(self, key: str) -> None:
        """One class at least."""
        accepted = "names of Keras' layers, e.g. [Conv2D,LSTM]"
        need(f"{key}.types", list(self.types), bool(self.types), accepted)

    def scope(self) -> ByType:
        """The scope.

        Raises:
            PruningError: Keras has no layer of such a name.
        """
        import keras

        found = {name: getattr(keras.layers, name, None) for name in self.types}
        for name, kind in found.items():
            if not (isinstance(kind, type) and issubclass(kind, keras.layers.Layer)):
                raise PruningError(
                    f"sparsity.scope.types: received {name}; accepted: names of Keras' layers, "
                    "e.g. Conv2D, Dense, LSTM"
                )
        return ByType(*(kind for kind in found.values() if kind is not None))


class ByType(Scope):
    """Kernels of layers of given classes, subclasses included.

    A kernel also belongs to the layers around its own: `ByType(keras.layers.LSTM)` takes the
    kernels of its cell.

    Args:
        include: Keras layer classes.
        exclude: classes left dense although included.
    """

    def __init__(self, *include: type, exclude: Sequence[type] = ()) -> None:
        for one in (*include, *exclude):
            if not isinstance(one, type):
                raise PruningError(f"ByType takes layer classes, received {one!r}.")
        if not include and not exclude:
            raise PruningError("ByType needs at least one layer class.")
        self.include, self.exclude = tuple(include) or (object,), tuple(exclude)

    def verdicts(self, model: Any, kernels: Sequence[Kernel]) -> Verdicts:
        """Accepts by `isinstance`."""

        def verdict(kernel: Kernel) -> str:
            around = (kernel.layer, *reversed(kernel.parents))
            for layer in around:
                if self.exclude and isinstance(layer, self.exclude):
                    return f"layer type {type(layer).__name__} is excluded"
            if any(isinstance(layer, self.include) for layer in around):
                return ""
            return f"layer type {type(kernel.layer).__name__} is not included"

        return {kernel.path: verdict(kernel) for kernel in kernels}
