"""What it takes to say which weights of a kernel are not zero, by the cheapest of what fits.

Each description is one of symbols drawn one by one with their own frequencies, which are taken as
known:

- **single weights**: kept or not;
- **groups** of 4, 8 or 16 along the input or the output channels: how many are kept, and which of
  the C(m, n) ways that is. Of 2:4, where each group keeps two of four, nothing but log2 6 bits a
  group is left; of blocks, kept whole or not at all, one symbol a block;
- **dead channels**: inputs and outputs without any weight are named once, and what is left of the
  kernel is described by either of the above.
"""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np

from harness.export import entropy

#: Sizes of groups: those of n:m and of blocks in use.
GROUPS = (4, 8, 16)


def bits(kept: np.ndarray) -> float:
    """The least that a mask takes, in bits.

    Args:
        kept: bool; of two axes or more the last but one are input channels, the last outputs.
    """
    if kept.ndim < 2:
        return _singles(kept)
    return min(named + _least(rest) for named, rest in _without_dead(kept))


def _without_dead(kept: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
    """The mask, and what is left of it without dead channels, with the bits that name them."""
    alive = []
    for axis in (kept.ndim - 2, kept.ndim - 1):
        others = tuple(each for each in range(kept.ndim) if each != axis)
        alive.append((axis, np.asarray(kept.any(axis=others))))
    told = [(axis, each) for axis, each in alive if not each.all()]
    for chosen in product((False, True), repeat=len(told)):
        named, rest = 0.0, kept
        for (axis, each), named_once in zip(told, chosen, strict=True):
            if named_once:
                named += _singles(each)
                rest = rest.compress(each, axis=axis)
        yield named, rest


def _least(kept: np.ndarray) -> float:
    told = [_singles(kept)]
    for axis, size in product((-2, -1), GROUPS):
        if kept.shape[axis] >= size:
            told.append(_groups(np.moveaxis(kept, axis, -1), size))
    return min(told)


def _singles(kept: np.ndarray) -> float:
    count = int(np.count_nonzero(kept))
    return entropy.of_counts([count, kept.size - count])


def _groups(kept: np.ndarray, size: int) -> float:
    """Groups along the last axis; what is over at its end by single weights."""
    whole = kept.shape[-1] // size * size
    groups = kept[..., :whole].reshape(*kept.shape[:-1], whole // size, size)
    found = np.bincount(groups.sum(axis=-1, dtype=np.uint8).reshape(-1), minlength=size + 1)
    ways = sum(count * math.log2(math.comb(size, n)) for n, count in enumerate(found.tolist()))
    return entropy.of_counts(found) + ways + _singles(kept[..., whole:])
