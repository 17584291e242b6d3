"""Which of a model's kernels are pruned.

A scope takes all kernels of a model and answers, for each, "" (prune it) or the reason why
not. Scopes combine: `A & B` prunes what both accept, `A | B` what either accepts.
"""

from __future__ import annotations

import fnmatch
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from harness.pruning.errors import PruningError
from harness.pruning.kernels import Kernel

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
