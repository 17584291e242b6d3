"""Kernels of few values: the weights that are not zero shared out among k.

After Han et al., https://arxiv.org/abs/1510.00149, section 3: one-dimensional k-means (Lloyd's
algorithm), begun at k values evenly spaced over the weights' range, which keeps the large ones.
Zero is a value of its own and no weight's but those that were zero, so that a mask stays as it is.
"""

import numpy as np

#: Values of a kernel beside zero, unless `export.clusters` says otherwise.
CLUSTERS = 16
#: As many as an 8-bit index tells apart beside zero.
MOST = 127
_ITERATIONS = 100


def cluster(weights: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Finds the values of a kernel.

    Args:
        weights: of any shape, real.
        k: how many values there may be beside zero.

    Returns:
        Indices, int8 of the weights' shape, and values, float32 [k + 1 or fewer]: the first is 0.
    """
    flat = np.asarray(weights, np.float32).ravel()
    kept = flat != 0
    values = _means(np.unique(flat[kept], return_counts=True), k)
    edges = (values[1:] + values[:-1]) / 2
    indices = np.zeros(flat.shape, np.int8)
    indices[kept] = 1 + np.searchsorted(edges, flat[kept])
    book = np.concatenate([[0.0], values]).astype(np.float32)
    return indices.reshape(weights.shape), book


def _means(counted: tuple[np.ndarray, np.ndarray], k: int) -> np.ndarray:
    """The k means of sorted values that occur so often, in float64 and in order; none is 0."""
    values, counts = (one.astype(np.float64) for one in counted)
    if len(values) <= k:
        return values
    totals = np.concatenate([[0.0], np.cumsum(counts)])
    sums = np.concatenate([[0.0], np.cumsum(counts * values)])
    means = np.linspace(values[0], values[-1], k)
    for _ in range(_ITERATIONS):
        cuts = np.searchsorted(values, (means[1:] + means[:-1]) / 2)
        bounds = np.concatenate([[0], cuts, [len(values)]])
        count = np.diff(totals[bounds])
        new = np.where(count > 0, np.diff(sums[bounds]) / np.maximum(count, 1), means)
        if np.array_equal(new, means):
            break
        means = new
    return means[np.diff(totals[bounds]) > 0]
