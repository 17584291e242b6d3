"""Kernels by the names of their layers."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.pruning.errors import PruningError
from harness.pruning.scope.base import Scope, Verdicts

if TYPE_CHECKING:
    from harness.pruning.kernels import Kernel


class ByName(Scope):
    """Kernels whose path, or the name of a layer around them, matches a shell pattern.

    Args:
        include: patterns such as "block*/kernel" or "dense_1"; all kernels if empty.
        exclude: patterns of kernels left dense although included.

    Example:
        >>> ByName("encoder*", exclude=["*recurrent_kernel"])
    """

    def __init__(self, *include: str, exclude: Sequence[str] = ()) -> None:
        excluded = (exclude,) if isinstance(exclude, str) else tuple(exclude)
        for one in (*include, *excluded):
            if not isinstance(one, str) or not one:
                raise PruningError(f"ByName takes name patterns, received {one!r}.")
        if not include and not excluded:
            raise PruningError("ByName needs at least one pattern.")
        self.include, self.exclude = include, excluded

    @staticmethod
    def _matches(kernel: Kernel, pattern: str) -> bool:
        layers = (kernel.layer, *kernel.parents)
        names = (kernel.path, *(layer.name for layer in layers))
        return any(fnmatch.fnmatchcase(name, pattern) for name in names)

    def verdicts(self, model: Any, kernels: Sequence[Kernel]) -> Verdicts:
        """Accepts by pattern; a pattern that matches nothing is refused as a likely typo."""
        for pattern in (*self.include, *self.exclude):
            if not any(self._matches(kernel, pattern) for kernel in kernels):
                known = ", ".join(kernel.path for kernel in kernels[:8])
                raise PruningError(
                    f"no kernel of model {model.name!r} matches {pattern!r}. Its kernels: {known}"
                    f"{', …' if len(kernels) > 8 else ''}."
                )

        def verdict(kernel: Kernel) -> str:
            for pattern in self.exclude:
                if self._matches(kernel, pattern):
                    return f"excluded by {pattern!r}"
            included = not self.include or any(self._matches(kernel, p) for p in self.include)
            return "" if included else "matches no included name"

        return {kernel.path: verdict(kernel) for kernel in kernels}
