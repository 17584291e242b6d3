"""Blocks of weights are kept or zeroed whole."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.options import choice, need, one_of
from harness.pruning.errors import PruningError
from harness.pruning.pattern.base import Axes, MisfitError, Pattern, PatternOptions

POOLINGS = ("average", "max")


@choice
@dataclass
class BlockOptions(PatternOptions):
    """Blocks of `shape` weights, inputs first, are zero together; scored by `pooling`."""

    kind: str = "block"
    shape: list[int] = field(default_factory=lambda: [4, 1])
    pooling: str = "average"

    @property
    def label(self) -> str:
        """Outputs first, as the published tables say it."""
        return f"block {' by '.join(map(str, reversed(self.shape)))}"

    def check(self, key: str) -> None:
        """Two sides and a known pooling."""
        shape = list(self.shape)
        two_sides = len(shape) == 2 and all(side >= 1 for side in shape)
        need(f"{key}.shape", shape, two_sides, "[inputs, outputs], e.g. [4, 1]")
        one_of(f"{key}.pooling", self.pooling, POOLINGS)

    def pattern(self) -> Block:
        """The pattern."""
        return Block((self.shape[0], self.shape[1]), self.pooling)


class Block(Pattern):
    """Blocks of weights are kept or zeroed whole.

    Blocks tile the (input channel, output channel) plane from its origin; a kernel of higher
    rank has one such plane for each remaining index (each position of a convolution). Blocks
    at the far edges may be cut short; the pooled score of a cut block covers only the weights
    that exist. tfmot 0.8.1 instead pads both sides when it scores but cuts from the origin
    when it prunes, so that for shapes that blocks do not divide it zeroes other weights than
    those it judged; and it takes rank 2 only.

    Args:
        shape: (input channels, output channels) of a block.
        pooling: "average" or "max" of the scores in a block.
    """

    def __init__(self, shape: tuple[int, int] = (4, 1), pooling: str = "average") -> None:
        good = isinstance(shape, tuple | list) and len(shape) == 2
        if not good or not all(isinstance(d, int | np.integer) and d >= 1 for d in shape):
            raise PruningError(
                f"a block shape is two positive ints (input, output), received {shape!r}."
            )
        if pooling not in POOLINGS:
            tfmot = {"AVG": "average", "MAX": "max"}.get(pooling) if pooling else None
            hint = f" (tfmot's name; write {tfmot!r})" if tfmot else ""
            raise PruningError(f"pooling must be 'average' or 'max', received {pooling!r}{hint}.")
        self.shape = (int(shape[0]), int(shape[1]))
        self.pooling = pooling

    def __repr__(self) -> str:
        return f"Block({self.shape}, pooling={self.pooling!r})"

    def fit(self, shape: tuple[int, ...], axes: Axes) -> str:
        """Needs two different axes; cut blocks are reported."""
        if len(shape) < 2 or axes[0] == axes[1]:
            raise MisfitError(f"{self} needs a weight of rank 2 or more, received shape {shape}.")
        sides = tuple(shape[axis] for axis in axes)
        if any(side % block for side, block in zip(sides, self.shape, strict=True)):
            return f"blocks at the edge are cut: {self.shape} does not divide {sides}"
        return ""

    def _grid(self, shape: tuple[int, ...], axes: Axes) -> tuple[list[int], int, int, int]:
        """Permutation to [rest…, input, output], number of planes, rows and columns of blocks."""
        rest = [axis for axis in range(len(shape)) if axis not in axes]
        planes = math.prod(shape[axis] for axis in rest)
        rows, columns = (-(-shape[a] // b) for a, b in zip(axes, self.shape, strict=True))
        return [*rest, *axes], planes, rows, columns

    def units(self, shape: tuple[int, ...], axes: Axes) -> int:
        """The number of blocks, cut ones included."""
        _, planes, rows, columns = self._grid(shape, axes)
        return planes * rows * columns

    def unit_scores(self, scores: Any, axes: Axes) -> Any:
        """Pooled scores, planes first, then rows and columns of blocks."""
        import tensorflow as tf

        shape = tuple(scores.shape)
        permutation, planes, rows, columns = self._grid(shape, axes)
        (height, width), (n_in, n_out) = self.shape, (shape[axes[0]], shape[axes[1]])
        plane = tf.reshape(tf.transpose(scores, permutation), [planes, n_in, n_out])
        margin = [[0, 0], [0, rows * height - n_in], [0, columns * width - n_out]]
        filler = 0.0 if self.pooling == "average" else -math.inf
        tiles = tf.reshape(
            tf.pad(plane, margin, constant_values=filler), [planes, rows, height, columns, width]
        )
        if self.pooling == "max":
            return tf.reshape(tf.reduce_max(tiles, axis=[2, 4]), [-1])
        # Rows first, then columns: the order of rounding that tfmot's pooling has.
        present = np.minimum(n_in - np.arange(rows) * height, height).astype(np.float32)
        across = np.minimum(n_out - np.arange(columns) * width, width).astype(np.float32)
        down = tf.reduce_sum(tiles, axis=2) / present[:, None, None]
        return tf.reshape(tf.reduce_sum(down, axis=3) / across, [-1])

    def expand(self, chosen: Any, shape: tuple[int, ...], axes: Axes) -> Any:
        """Each block's choice, repeated over its weights."""
        import tensorflow as tf

        permutation, planes, rows, columns = self._grid(shape, axes)
        height, width = self.shape
        tiles = tf.broadcast_to(
            tf.reshape(chosen, [planes, rows, 1, columns, 1]),
            [planes, rows, height, columns, width],
        )
        plane = tf.reshape(tiles, [planes, rows * height, columns * width])
        plane = plane[:, : shape[axes[0]], : shape[axes[1]]]
        moved = tf.reshape(plane, [shape[axis] for axis in permutation])
        return tf.transpose(moved, np.argsort(permutation))
