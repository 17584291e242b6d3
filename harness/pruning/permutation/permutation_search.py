r"""Searching an order of channels under which an N:M pattern keeps more.

Source: Pool & Yu, "Channel Permutations for N:M Sparsity" (NeurIPS 2021,
https://proceedings.neurips.cc/paper/2021/hash/6e8404c3b93a9527c8db241a1846599a-Abstract.html):
greedy swaps of two channels, with bounded regressions to escape local maxima.
"""

from __future__ import annotations

import numpy as np

from harness.pruning.errors import PruningError

_BUFFER = 1 << 18  # floats compared at a time: what a core's cache holds


def kept_magnitude(matrix: np.ndarray, n: int, m: int) -> float:
    """Sum of the n largest of every m consecutive rows' elements, column by column.

    Args:
        matrix: magnitudes, [channels, columns]; a short last group keeps ceil(r·n/m) of r.
        n: kept in each group.
        m: group size.
    """
    total = 0.0
    for start in range(0, len(matrix), m):
        group = matrix[start : start + m]
        kept = -(-len(group) * n // m)
        total += float(np.sort(group, axis=0)[len(group) - kept :].sum(dtype=np.float64))
    return total


def search_permutation(
    matrix: np.ndarray, n: int, m: int, escapes: int = 10, seed: int = 0
) -> np.ndarray:
    r"""An order of the rows under which an n:m pattern along them keeps more magnitude.

    With row a of a group replaced by row b, the group keeps

    .. math:: K_{ab} = \sum_x \Big(\sum_{i \le n} o_{ix} + \max(0, |w_{bx}| - o_{nx})\Big)

    where :math:`o_{ix}` are the sorted elements of the group without a; so swapping a and b
    gains :math:`K_{ab} + K_{ba}` minus what both groups keep, and one table of all K serves
    all swaps: the best ones are made, the rows of their groups in the table are renewed, and
    so on until no swap gains. Then the least bad of random swaps is made (an escape), the
    climb is repeated, and the best order seen is returned. Where m does not divide the
    channels, the last short group stays as it is.

    Args:
        matrix: magnitudes, [channels, columns], not negative.
        n: kept in each group.
        m: group size.
        escapes: how often a local maximum is left again.
        seed: of the random choice of escapes.

    Returns:
        int64 [channels]: row i of the permuted matrix is `matrix[order[i]]`.

    Raises:
        PruningError: not a matrix of finite numbers.
    """
    matrix = np.ascontiguousarray(matrix, np.float32)
    if matrix.ndim != 2:
        raise PruningError(f"matrix must be [channels, columns], received shape {matrix.shape}.")
    if not np.isfinite(matrix).all():  # no swap compares with NaN, and the climb would not end
        raise PruningError("matrix must be finite, received NaN or infinity.")
    movable = len(matrix) // m * m
    order = np.arange(len(matrix))
    if movable <= m or not matrix.size:
        return order
    climb = _Climb(matrix[:movable], n, m)
    random = np.random.default_rng(seed)
    climb.to_top()
    best, best_kept = climb.order.copy(), climb.kept.sum()
    for _ in range(escapes):
        climb.escape(random)
        climb.to_top()
        if climb.kept.sum() > best_kept * (1 + 1e-7):
            best, best_kept = climb.order.copy(), climb.kept.sum()
    order[:movable] = best
    return order


class _Climb:
    """A current order of rows, and what every swap would gain."""

    def __init__(self, matrix: np.ndarray, n: int, m: int) -> None:
        self.matrix, self.n, self.m = matrix, n, m
        channels = len(matrix)
        self.order = np.arange(channels)
        self.kept = np.zeros(channels // m)  # by group
        self.table = np.zeros((channels, channels), np.float32)  # K, by place of a and place of b
        for group in range(channels // m):
            self._renew(group)

    def to_top(self) -> None:
        """Makes the best swaps while there are any that gain."""
        # Below rounding, gains are noise, and climbing on noise would never end.
        least = 1e-5 * self.kept.mean()
        while True:
            gains = self._gains()
            partner = gains.argmax(axis=1)
            gain = gains[np.arange(len(gains)), partner]
            touched: set[int] = set()
            # Swaps between different groups do not change each other's gain.
            for a in np.argsort(-gain):
                b = partner[a]
                groups = {int(a) // self.m, int(b) // self.m}
                if gain[a] <= least:
                    break
                if not touched & groups:
                    touched |= groups
                    self._swap(int(a), int(b))
            if not touched:
                return

    def escape(self, random: np.random.Generator) -> None:
        """Makes the least bad of some random swaps between groups."""
        gains = self._gains()
        places = random.integers(len(gains), size=(8, 2))
        gain = gains[places[:, 0], places[:, 1]]
        a, b = places[int(np.argmax(gain))]
        if np.isfinite(gains[a, b]):
            self._swap(int(a), int(b))

    def _gains(self) -> np.ndarray:
        kept = np.repeat(self.kept, self.m).astype(np.float32)
        gains = self.table + self.table.T - kept[:, None] - kept[None, :]
        group = np.arange(len(gains)) // self.m
        gains[group[:, None] == group[None, :]] = -np.inf
        return gains

    def _swap(self, a: int, b: int) -> None:
        self.order[[a, b]] = self.order[[b, a]]
        self.table[:, [a, b]] = self.table[:, [b, a]]
        for group in (a // self.m, b // self.m):
            self._renew(group)

    def _renew(self, group: int) -> None:
        """Recomputes what a group keeps, now and with each member replaced by any row."""
        places = np.arange(group * self.m, (group + 1) * self.m)
        rows = self.matrix[self.order[places]]
        self.kept[group] = np.sort(rows, axis=0)[-self.n :].sum(dtype=np.float64)
        for i, place in enumerate(places):
            others = np.sort(np.delete(rows, i, axis=0), axis=0)[-self.n :]
            self.table[place] = others.sum(dtype=np.float64) + self._surplus(others[0])

    def _surplus(self, threshold: np.ndarray) -> np.ndarray:
        """By place of b, the sum over columns of max(0, |w_b| - threshold)."""
        channels, columns = self.matrix.shape
        surplus = np.empty(channels, np.float32)
        step = max(1, _BUFFER // max(columns, 1))
        for start in range(0, channels, step):
            over = self.matrix[start : start + step] - threshold
            np.maximum(over, 0.0, out=over)
            surplus[start : start + step] = over.sum(axis=1)
        return surplus[self.order]
