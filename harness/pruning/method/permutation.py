"""Channels are reordered before the first mask, so that N:M keeps more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.errors import ConfigError
from harness.options import choice
from harness.pruning.method.base import MethodOptions

if TYPE_CHECKING:
    from harness.pruning.permutation.permute import PermutationReport


@choice
@dataclass
class PermutationOptions(MethodOptions):
    """Reorders the channels of the dense baseline (`harness.pruning.permute_channels`)."""

    words: ClassVar[str] = "permuted"
    patterns: ClassVar[tuple[str, ...] | None] = ("n_m", "gradual_n_m")
    kind: str = "permutation"

    def check(self, key: str, sparsity: Any, start: str) -> None:
        """Needs trained channels."""
        super().check(key, sparsity, start)
        if start != "dense":
            raise ConfigError(
                f"training.finetune.start: received {start} with sparsity.method.kind=permutation, "
                "which reorders trained channels; accepted: dense"
            )

    def prepare(self, model: Any, pruner: Any) -> PermutationReport:
        """Reorders the channels.

        Raises:
            PruningError: a model whose channels cannot be followed.
        """
        from harness.pruning.permutation.permute import permute_channels

        return permute_channels(model, pruner.pattern, pruner.scope)
