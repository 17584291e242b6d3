"""Connectivity pruning: the k×k kernel between two channels is kept or zeroed whole.

Source: Niu et al., https://arxiv.org/abs/2001.00138, section 4. Dense layers and convolutions of
1×1 have no such kernels, and are left dense.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from harness.options import choice
from harness.pruning.pattern.base import Axes, MisfitError, Pattern, PatternOptions


@choice
@dataclass
class KernelsOptions(PatternOptions):
    """Kernels are zero together, scored by the mean of their weights' scores."""

    kind: str = "kernels"

    def pattern(self) -> Kernels:
        """The pattern."""
        return Kernels()


class Kernels(Pattern):
    """All weights between an input and an output channel are one unit."""

    def __repr__(self) -> str:
        return "Kernels()"

    def fit(self, shape: tuple[int, ...], axes: Axes) -> str:
        """Needs two axes of channels, and kernels of more than a weight."""
        if axes[0] == axes[1] or math.prod(shape) == self.units(shape, axes):
            raise MisfitError(f"{self} needs kernels of 1×2 or more, received shape {shape}.")
        return ""

    def units(self, shape: tuple[int, ...], axes: Axes) -> int:
        """A unit for each pair of channels."""
        return shape[axes[0]] * shape[axes[1]]

    def unit_scores(self, scores: Any, axes: Axes) -> Any:
        """The mean over a kernel."""
        import tensorflow as tf

        rest = [axis for axis in range(len(scores.shape)) if axis not in axes]
        return tf.reshape(tf.reduce_mean(scores, rest), [-1])

    def expand(self, chosen: Any, shape: tuple[int, ...], axes: Axes) -> Any:
        """Each kernel's choice, for all of its weights."""
        import tensorflow as tf

        pairs = [side if axis in axes else 1 for axis, side in enumerate(shape)]
        return tf.broadcast_to(tf.reshape(chosen, pairs), shape)
