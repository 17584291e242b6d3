"""What lies along an axis of a weight whose channels die with those of others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: A stretch of a weight's axis: the group of channels it is (None: they stay), and how many.
Stretch = tuple[int | None, int]


@dataclass(frozen=True, eq=False)
class Span:
    """What lies along an axis of a weight.

    Attributes:
        axis: of the weight.
        stretches: in order.
        follows: whether the weight dies with its channels without being counted or judged as
            a kernel: biases, scales and shifts, depthwise filters.
        beside: variables of the same shape that no optimizer changes and that die, too.
    """

    axis: int
    stretches: tuple[Stretch, ...]
    follows: bool
    beside: tuple[Any, ...] = ()

    def starts(self) -> Iterator[tuple[int, int, int]]:
        """(group, start, size) of the stretches that may die."""
        start = 0
        for group, size in self.stretches:
            if group is not None:
                yield group, start, size
            start += size
