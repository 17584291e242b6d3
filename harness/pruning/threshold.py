"""Exact selection of the k largest scores in linear time, without sorting.

A float's bits, with the sign folded in, order like the float itself. Three histograms over
11, 11 and 10 of these bits (a radix select from the most significant digit) therefore find
the k-th largest score exactly in three passes over the data. `tf.math.top_k` over all scores,
as tfmot calls it, sorts: `benchmarks/pruning.py` measures both.

Where most scores are far from the threshold, a sample tells so, and the histograms are made
of the few that are not: large weights then take two passes of comparisons and little else.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

TIES = ("index", "keep")
_SAMPLE = 1 << 16  # scores in the sample that brackets the threshold of large weights
_MARGIN = 2 * 256  # places in it: four standard deviations of a count, sqrt(_SAMPLE) / 2


def kept_count(size: Any, sparsity: Any) -> Any:
    """How many of `size` weights are kept at `sparsity`: `max(round(size · (1 - s)), 1)`.

    In float32 with halves rounded to even, as tfmot 0.8.1 counts
    (`pruning_impl.py`, https://github.com/tensorflow/model-optimization).

    Args:
        size: number of weights, an int or an array of ints.
        sparsity: in [0, 1], a number or an array.

    Returns:
        int64, in the broadcast shape of the arguments.
    """
    size32 = np.asarray(size, np.float32)
    kept = np.rint(size32 * (np.float32(1) - np.asarray(sparsity, np.float32)))
    # Above 2²⁴, float32 may round the size itself up.
    return np.minimum(np.maximum(kept, 1).astype(np.int64), np.asarray(size, np.int64))


def kept_count_in_graph(size: Any, sparsity: Any) -> Any:
    """`kept_count` for tensors: int64 in, int64 out."""
    import tensorflow as tf

    share = np.float32(1) - tf.cast(sparsity, tf.float32)
    kept = tf.round(tf.cast(size, tf.float32) * share)
    return tf.minimum(tf.maximum(tf.cast(kept, tf.int64), np.int64(1)), tf.cast(size, tf.int64))


def keep_largest(scores: Any, kept: Any, ties: str = "index") -> Any:
    """Marks the `kept` largest of `scores`.

    Args:
        scores: 1-D float32, without NaN; a NumPy array or a tensor.
        kept: how many to mark, from 1 to the number of scores.
        ties: "index" marks exactly `kept`: among equal scores the lower index wins.
            "keep" marks every score that equals the k-th largest, as tfmot does.

    Returns:
        1-D bool, of the kind (NumPy or tensor) of `scores`.
    """
    if isinstance(scores, np.ndarray):
        return _keep_largest_numpy(scores, int(kept), ties)
    import tensorflow as tf

    return _radix_select(ties == "keep")(scores, tf.cast(kept, tf.int64))


def _keep_largest_numpy(scores: np.ndarray, kept: int, ties: str) -> np.ndarray:
    threshold = np.partition(scores, scores.size - kept)[scores.size - kept]
    if ties == "keep":
        return scores >= threshold
    mask = scores > threshold
    equal = np.flatnonzero(scores == threshold)
    mask[equal[: kept - np.count_nonzero(mask)]] = True
    return mask


def _ordered_bits(scores: Any) -> Any:
    """Float32 scores as uint32 of the same order. Both zeros map to the same bits."""
    import tensorflow as tf

    bits = tf.bitcast(tf.where(tf.equal(scores, 0.0), 0.0, scores), tf.int32)
    # Negative floats order backwards: flip all their bits; set the sign bit of the others.
    flip = tf.bitwise.bitwise_or(tf.bitwise.right_shift(bits, 31), np.int32(-(2**31)))
    return tf.bitcast(tf.bitwise.bitwise_xor(bits, flip), tf.uint32)


def _digit(bits: Any, found: Any, shift: int, size: int, rank: Any) -> tuple[Any, Any, Any]:
    """One radix pass over the scores whose higher bits equal `found`.

    Returns:
        `found` with the digit of the `rank`-th largest added, the rank among the scores
        with that digit, and how many have it.
    """
    import tensorflow as tf

    # XOR leaves the digit where the higher bits agree, and something >= size elsewhere,
    # which the histogram ignores: no score is moved or copied out.
    digits = tf.bitwise.right_shift(tf.bitwise.bitwise_xor(bits, found), np.uint32(shift))
    if shift == 0:  # the sign bit may be set here, and int32 is what the histogram takes
        digits = tf.minimum(digits, np.uint32(size))
    counts = tf.raw_ops.DenseBincount(
        input=tf.bitcast(digits, tf.int32),
        size=np.int32(size),
        weights=tf.zeros([0], tf.int32),
    )
    from_top = tf.cumsum(tf.cast(counts, tf.int64), reverse=True)
    # The digit is the largest one that at least `rank` scores reach.
    digit = tf.math.count_nonzero(from_top >= rank, dtype=tf.int32) - 1
    equal = tf.cast(counts[digit], tf.int64)
    rank = rank - (from_top[digit] - equal)
    found = tf.bitwise.bitwise_or(
        found, tf.bitwise.left_shift(tf.bitcast(digit, tf.uint32), np.uint32(shift))
    )
    return found, rank, equal


def _radix(scores: Any, rank: Any) -> tuple[Any, Any, Any]:
    """The `rank`-th largest score, its rank among its equals, and how many equals there are."""
    import tensorflow as tf

    bits, found = _ordered_bits(scores), tf.constant(0, tf.uint32)
    equal = rank
    for shift, size in ((21, 2048), (10, 2048), (0, 1024)):
        found, rank, equal = _digit(bits, found, shift, size, rank)
    # uint32 has no ordered comparison on the CPU: compare the floats themselves.
    return _from_ordered_bits(found), rank, equal


def _bracketed(scores: Any, kept: Any, keep_ties: bool) -> Any:
    """The selection among many scores, looking closely at the few around the threshold.

    A sorted sample tells two scores that the threshold lies between but for one case in
    10,000 (four standard deviations either way); then only two counts pass over all scores,
    and the rest over those between, 2 % of them. The counts tell whether it was so.
    """
    import tensorflow as tf

    def count(flags: Any) -> Any:
        return tf.cast(tf.reduce_sum(tf.cast(flags, tf.int32)), tf.int64)

    size = tf.size(scores, tf.int64)
    # An odd stride visits all columns of the usual widths.
    sample = tf.sort(scores[:: size // _SAMPLE // 2 * 2 + 1])
    last = tf.size(sample, tf.int64) - 1
    share = 1.0 - tf.cast(kept, tf.float64) / tf.cast(size, tf.float64)
    place = tf.cast(share * tf.cast(last, tf.float64), tf.int64)
    low, high = (
        tf.gather(sample, tf.clip_by_value(place + offset, 0, last))
        for offset in (-_MARGIN, _MARGIN)
    )
    from_low = scores >= low
    above, reached = count(scores > high), count(from_low)
    inside = (above < kept) & (kept <= reached)
    between = reached - above

    def among_between() -> Any:
        places = tf.where(from_low & (scores <= high))
        close = tf.gather(scores, tf.reshape(places, [-1]))
        threshold, rank, _ = _radix(close, kept - above)
        chosen = scores >= threshold
        if keep_ties:
            return chosen
        surplus = tf.gather(places, tf.reshape(tf.where(tf.equal(close, threshold)), [-1])[rank:])
        return tf.tensor_scatter_nd_update(chosen, surplus, tf.zeros_like(surplus[:, 0], tf.bool))

    return tf.cond(
        inside & tf.equal(low, high),  # many equals, such as zeros
        lambda: _mark(scores, low, kept - above, between, keep_ties),
        lambda: tf.cond(
            inside & (between < size // 8),
            among_between,
            lambda: _mark(scores, *_radix(scores, kept), keep_ties),
        ),
    )


def _mark(scores: Any, threshold: Any, rank: Any, equal: Any, keep_ties: bool) -> Any:
    """Marks the scores above the threshold, and the first `rank` of the `equal` ones at it."""
    import tensorflow as tf

    if keep_ties:
        return scores >= threshold
    return tf.cond(
        tf.equal(rank, equal),
        lambda: scores >= threshold,
        lambda: (scores > threshold) | _first_true(tf.equal(scores, threshold), rank),
    )


@cache
def _radix_select(keep_ties: bool) -> Any:
    """The selection as one TensorFlow function, traced once and shared by every weight."""
    import tensorflow as tf

    def select(scores: Any, kept: Any) -> Any:
        return tf.cond(
            tf.size(scores) >= 8 * _SAMPLE,
            lambda: _bracketed(scores, kept, keep_ties),
            lambda: _mark(scores, *_radix(scores, kept), keep_ties),
        )

    return tf.function(
        select,
        input_signature=[tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.int64)],
        autograph=False,
        # Inlining would repeat the body for every weight of a model in its training graph.
        experimental_attributes={"_noinline": True},
    )


def _first_true(flags: Any, count: Any) -> Any:
    """Keeps the first `count` of the set flags: a running count over rows, then within one row.

    Reductions only: a running count over all flags, or gathering their indices, takes many
    times as long, and XLA cannot compile the latter.
    """
    import tensorflow as tf

    width = 4096
    size = tf.shape(flags)[0]
    rows = -(-size // width)
    table = tf.reshape(tf.pad(flags, [[0, rows * width - size]]), [rows, width])
    in_row = tf.reduce_sum(tf.cast(table, tf.int32), axis=1)
    up_to_row = tf.cumsum(in_row)
    count = tf.cast(count, tf.int32)
    row = tf.math.count_nonzero(up_to_row < count, dtype=tf.int32)
    left = count - (up_to_row[row] - in_row[row])
    running = tf.cumsum(tf.cast(table[row], tf.int32))
    last = row * width + tf.math.count_nonzero(running < left, dtype=tf.int32)
    return flags & (tf.range(size) <= last)


def _from_ordered_bits(bits: Any) -> Any:
    import tensorflow as tf

    signed = tf.bitcast(bits, tf.int32)
    flip = tf.where(signed < 0, np.int32(-(2**31)), np.int32(-1))
    return tf.bitcast(tf.bitwise.bitwise_xor(signed, flip), tf.float32)
