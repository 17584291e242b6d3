"""Every kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.options import choice
from harness.pruning.scope.base import Scope, ScopeOptions, Verdicts

if TYPE_CHECKING:
    from harness.pruning.kernels import Kernel


@choice
@dataclass
class AllKernelsOptions(ScopeOptions):
    """Every kernel, depthwise ones aside unless `depthwise` is set."""

    kind: str = "all_kernels"
    depthwise: bool = False

    def scope(self) -> AllKernels:
        """Every kernel."""
        return AllKernels(depthwise=self.depthwise)


class AllKernels(Scope):
    """Every kernel; depthwise kernels only if asked.

    Depthwise kernels hold few weights, each of which filters a whole channel: pruning them
    costs accuracy and saves almost nothing, so they stay dense by default (tfmot never
    prunes them).

    Args:
        depthwise: also prune depthwise kernels.
        embeddings: prune embedding tables.
        recurrent: prune recurrent kernels.
    """

    def __init__(
        self, depthwise: bool = False, embeddings: bool = True, recurrent: bool = True
    ) -> None:
        self.depthwise, self.embeddings, self.recurrent = depthwise, embeddings, recurrent

    def verdicts(self, model: Any, kernels: Sequence[Kernel]) -> Verdicts:
        """Accepts all roles that are switched on."""
        off = {
            role
            for role, on in (
                ("depthwise", self.depthwise),
                ("embedding", self.embeddings),
                ("recurrent", self.recurrent),
            )
            if not on
        }
        return {
            k.path: f"{k.role} kernels are out of scope" if k.role in off else "" for k in kernels
        }
