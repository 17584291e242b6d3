"""So many examples of a large set, evenly over its classes, the same ones every time."""

from collections.abc import Sequence

import numpy as np

from harness.errors import DataError


def balanced(
    labels: np.ndarray, counts: Sequence[int | None], seed: int, keys: Sequence[str]
) -> list[np.ndarray]:
    """Disjoint parts of a data set, each with equally many examples of every class.

    Parts that come first do not depend on the sizes of later ones, and a larger part holds
    every smaller one. A class with too few examples is made up for by the others.

    Args:
        labels: Class of each example, [n].
        counts: Size of each part; None takes all that is left.
        seed: Decides which examples go where.
        keys: The config key of each count, for a refusal.

    Returns:
        The example numbers of each part, ascending.

    Raises:
        DataError: If there are too few examples.
    """
    order = _by_turns(labels, seed)
    parts, start = [], 0
    for count, key in zip(counts, keys, strict=True):
        left = len(order) - start
        wanted = left if count is None else count
        if not 0 < wanted <= left:
            raise DataError(f"{key}: received {count}; accepted: 1 to {left}, the examples left")
        parts.append(np.sort(order[start : start + wanted]))
        start += wanted
    return parts


def _by_turns(labels: np.ndarray, seed: int) -> np.ndarray:
    """Example numbers: one of each class, then another of each class, and so on."""
    # RandomState's stream is frozen by NumPy's policy; that of newer generators is not.
    shuffled = np.random.RandomState(seed).permutation(len(labels))
    classes = labels[shuffled]
    grouped = np.argsort(classes, kind="stable")
    _, first, sizes = np.unique(classes[grouped], return_index=True, return_counts=True)
    turn = np.empty(len(labels), np.int64)
    turn[grouped] = np.arange(len(labels)) - np.repeat(first, sizes)
    return shuffled[np.lexsort((classes, turn))]
