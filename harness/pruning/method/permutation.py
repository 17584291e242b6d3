"""Channels are reordered before the first mask, so that N:M keeps more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.errors import ConfigError
from harness.options import choice
from harness.pruning.errors import PruningError
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

    def check_model(self, model: Any) -> None:
        """Needs inputs of a size, to see that the model still computes the same."""
        from harness.pruning.same_function import sample_for

        try:
            sample_for(model)
        except PruningError as error:
            raise ConfigError(
                f"sparsity.method.kind: received permutation with model {model.name!r}, which "
                f"nothing can be tried on ({error}); accepted: another method, or a model whose "
                "inputs are all of one size"
            ) from None

    def prepare(self, model: Any, pruner: Any) -> PermutationReport:
        """Reorders the channels.

        Raises:
            PruningError: a model whose channels cannot be followed.
        """
        from harness.pruning.permutation.permute import permute_channels

        return permute_channels(model, pruner.pattern, pruner.scope)
