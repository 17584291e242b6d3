"""Which of a model's kernels are pruned.

A scope takes all kernels of a model and answers, for each, "" (prune it) or the reason why
not. Scopes combine: `A & B` prunes what both accept, `A | B` what either accepts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from harness.options import UNNAMED, Options, Room

if TYPE_CHECKING:
    from harness.pruning.kernels import Kernel

SCOPES = Room("sparsity/scope", "harness.pruning.scope")

Verdicts = dict[str, str]


class Scope(ABC):
    """Base of all scopes."""

    @abstractmethod
    def verdicts(self, model: Any, kernels: Sequence[Kernel]) -> Verdicts:
        """Decides on every kernel.

        Args:
            model: the built model.
            kernels: its prunable kernels.

        Returns:
            {kernel path: "" to prune it, else the reason to leave it}.

        Raises:
            PruningError: the scope names something that the model does not have.
        """

    def __and__(self, other: Scope) -> Scope:
        return _Both(self, other)

    def __or__(self, other: Scope) -> Scope:
        return _Either(self, other)

    def __repr__(self) -> str:
        values = ", ".join(f"{k}={v!r}" for k, v in vars(self).items())
        return f"{type(self).__name__}({values})"


class _Both(Scope):
    def __init__(self, left: Scope, right: Scope) -> None:
        self.left, self.right = left, right

    def verdicts(self, model: Any, kernels: Sequence[Kernel]) -> Verdicts:
        left, right = (s.verdicts(model, kernels) for s in (self.left, self.right))
        return {path: left[path] or right[path] for path in left}


class _Either(Scope):
    def __init__(self, left: Scope, right: Scope) -> None:
        self.left, self.right = left, right

    def verdicts(self, model: Any, kernels: Sequence[Kernel]) -> Verdicts:
        left, right = (s.verdicts(model, kernels) for s in (self.left, self.right))
        return {path: left[path] and right[path] and left[path] for path in left}


@dataclass
class ScopeOptions(Options):
    """Which weights are pruned, narrowed by name patterns (globs on the path)."""

    room: ClassVar[Room] = SCOPES
    kind: str = UNNAMED
    include: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)

    def check(self, key: str) -> None:
        """Refuses options out of range.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """

    def scope(self) -> Scope:
        """The scope, before it is narrowed by names."""
        raise NotImplementedError
