"""Every kernel but those of the first and the last layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.options import choice
from harness.pruning.scope.all_kernels import AllKernels
from harness.pruning.scope.base import Scope, ScopeOptions, Verdicts

if TYPE_CHECKING:
    from harness.pruning.kernels import Kernel


@choice
@dataclass
class AllButFirstAndLastOptions(ScopeOptions):
    """Every kernel but those of the first and the last layer that has one."""

    kind: str = "all_but_first_and_last"
    depthwise: bool = False

    def scope(self) -> AllButFirstAndLast:
        """All but the first and the last."""
        return AllButFirstAndLast(depthwise=self.depthwise)


class AllButFirstAndLast(Scope):
    """Every kernel but those of the first and the last layer that has one.

    The usual choice for image classifiers, whose stem and classifier are small and sensitive
    (for example Gale et al., https://arxiv.org/abs/1902.09574).

    Args:
        depthwise: also prune depthwise kernels.
    """

    def __init__(self, depthwise: bool = False) -> None:
        self.depthwise = depthwise

    def verdicts(self, model: Any, kernels: Sequence[Kernel]) -> Verdicts:
        """Accepts all but the first and the last layer's kernels."""
        verdicts = AllKernels(depthwise=self.depthwise).verdicts(model, kernels)
        if kernels:
            for which, layer in (("first", kernels[0].layer), ("last", kernels[-1].layer)):
                for kernel in kernels:
                    if kernel.layer is layer:
                        verdicts[kernel.path] = f"{which} layer"
        return verdicts
