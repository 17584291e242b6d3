"""Which weights may be zero together: single ones, N of every M, or blocks.

A pattern turns scores into a mask. It splits a weight into units (a weight, a block), gives
each unit a score, and spreads the choice of units back over the weight.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from harness.options import UNNAMED, Options, Room
from harness.pruning.errors import PruningError
from harness.pruning.threshold import keep_largest, kept_count, kept_count_in_graph

PATTERNS = Room("sparsity/pattern", "harness.pruning.pattern")

Axes = tuple[int, int]


class MisfitError(PruningError):
    """A pattern cannot be laid over a shape; scopes skip such a weight and report why."""


def default_axes(rank: int) -> Axes:
    """The input and output axes of Dense and convolution kernels: the last two."""
    return (max(rank - 2, 0), rank - 1)


class Pattern(ABC):
    """Base of all patterns."""

    #: Sparsity that the pattern itself dictates, None where the schedule decides.
    fixed_sparsity: float | None = None
    #: Sparsity that the pattern ends at, in every weight alike: the schedule has to end there,
    #: and there is nothing to allocate. None where any will do.
    final_sparsity: float | None = None
    ties: str = "index"
    #: Whether units are channels of the network, which several weights hold together.
    tied: bool = False

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({values})"

    def level(self, sparsity: Any) -> Any:
        """What `keep` gets as `kept` at a sparsity, for a pattern with a `final_sparsity`."""
        return None

    @abstractmethod
    def units(self, shape: tuple[int, ...], axes: Axes) -> int:
        """How many units a weight of this shape has."""

    @abstractmethod
    def unit_scores(self, scores: Any, axes: Axes) -> Any:
        """Scores of a weight's units: float32 tensor of the weight's shape to 1-D tensor."""

    @abstractmethod
    def expand(self, chosen: Any, shape: tuple[int, ...], axes: Axes) -> Any:
        """Mask of a weight from its chosen units: 1-D bool tensor to the weight's shape."""

    def fit(self, shape: tuple[int, ...], axes: Axes) -> str:
        """Checks the pattern against a shape.

        Returns:
            "" where it fits, else what is done about it (such as padding).

        Raises:
            MisfitError: the pattern cannot be used on this shape.
        """
        return ""

    def keep(self, scores: Any, kept: Any, axes: Axes) -> Any:
        """Mask with the `kept` best units, for a float32 tensor of scores."""
        chosen = keep_largest(self.unit_scores(scores, axes), kept, self.ties)
        return self.expand(chosen, tuple(scores.shape), axes)

    def mask(self, scores: Any, sparsity: Any, axes: Axes | None = None) -> Any:
        """Mask that keeps the highest scores at a sparsity.

        Args:
            scores: float array or tensor of any rank, without NaN (which a traced graph does
                not check); larger is kept.
            sparsity: share of units that become zero, in [0, 1]. May be None for a pattern
                that dictates its sparsity.
            axes: (input-channel axis, output-channel axis); by default the last but one and
                the last, as in Dense and convolution kernels.

        Returns:
            bool, True where the weight is kept, same shape; NumPy for NumPy, tensor for tensor.

        Raises:
            PruningError: NaN scores, a sparsity outside [0, 1] or a shape that does not fit.
        """
        import tensorflow as tf

        numpy_in = not tf.is_tensor(scores)
        if numpy_in:
            scores = np.asarray(scores, np.float32)
        tensor = tf.cast(scores, tf.float32)
        if not tf.is_symbolic_tensor(tensor) and bool(tf.reduce_any(tf.math.is_nan(tensor))):
            raise PruningError("scores contain NaN, so no order among them exists.")
        shape = tuple(tensor.shape)
        rank = len(shape)
        axes = default_axes(rank) if axes is None else (axes[0] % rank, axes[1] % rank)
        self.fit(shape, axes)
        result = self.keep(tensor, self._kept(shape, axes, sparsity), axes)
        return result.numpy() if numpy_in else result

    def _kept(self, shape: tuple[int, ...], axes: Axes, sparsity: Any) -> Any:
        import tensorflow as tf

        units = self.units(shape, axes)
        if tf.is_tensor(sparsity):
            return kept_count_in_graph(units, sparsity)
        if sparsity is None or not 0 <= sparsity <= 1:
            raise PruningError(f"sparsity must be in [0, 1], received {sparsity!r}.")
        return int(kept_count(units, sparsity))


@dataclass
class PatternOptions(Options):
    """Which weights may be zero together; `words` is what tables add to the sparsity's name."""

    room: ClassVar[Room] = PATTERNS
    words: ClassVar[str] = ""
    #: The schedules that it follows; None: any.
    schedules: ClassVar[tuple[str, ...] | None] = None
    kind: str = UNNAMED

    @property
    def sparsity(self) -> float | None:
        """The sparsity that the pattern itself dictates; None where `sparsity.target` does."""
        return None

    @property
    def label(self) -> str:
        """What tables call its sparsities."""
        return self.kind.replace("_", " ")

    def check(self, key: str) -> None:
        """Refuses options out of range.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """

    def pattern(self) -> Pattern:
        """The pattern."""
        raise NotImplementedError
