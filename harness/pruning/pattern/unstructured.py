"""Any weight may be zero."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from harness.options import choice
from harness.pruning.errors import PruningError
from harness.pruning.pattern.base import Axes, Pattern, PatternOptions
from harness.pruning.threshold import TIES


@choice
@dataclass
class UnstructuredOptions(PatternOptions):
    """Any weight may be zero."""

    kind: str = "unstructured"

    @property
    def label(self) -> str:
        """As the published tables call it, though nothing is left to chance."""
        return "random"

    def pattern(self) -> Unstructured:
        """The pattern."""
        return Unstructured()


class Unstructured(Pattern):
    """Any weight may be zero.

    Args:
        ties: "index" keeps exactly the counted number, lower index first among equals;
            "keep" keeps every weight equal to the threshold, as tfmot does (there, a
            constant kernel stays dense at any sparsity).
    """

    def __init__(self, ties: str = "index") -> None:
        if ties not in TIES:
            raise PruningError(f"ties must be one of {TIES}, received {ties!r}.")
        self.ties = ties

    def __repr__(self) -> str:
        return "Unstructured()" if self.ties == "index" else f"Unstructured(ties={self.ties!r})"

    def units(self, shape: tuple[int, ...], axes: Axes) -> int:
        """Every weight is a unit."""
        return math.prod(shape)

    def unit_scores(self, scores: Any, axes: Axes) -> Any:
        """The scores, flattened."""
        import tensorflow as tf

        return tf.reshape(scores, [-1])

    def expand(self, chosen: Any, shape: tuple[int, ...], axes: Axes) -> Any:
        """The choice, reshaped."""
        import tensorflow as tf

        return tf.reshape(chosen, shape)
