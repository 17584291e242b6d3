"""Gradual N:M walks from m:m to n:m and ends on the exact pattern."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.pruning import ERK, NM, Constant, Cosine, GradualNM, Polynomial, Pruner, PruningError


@settings(deadline=None)
@given(
    n=st.integers(1, 7),
    more=st.integers(1, 5),
    rows=st.integers(1, 40),
    sparsity=st.floats(0, 0.999),
    ragged=st.sampled_from(["proportional", "keep"]),
    seed=st.integers(0, 99),
)
def test_every_group_keeps_the_same_number(n, more, rows, sparsity, ragged, seed):
    m = n + more
    scores = np.random.default_rng(seed).normal(size=(rows, 3)).astype("float32")
    mask = GradualNM(n, m, ragged=ragged).mask(scores, sparsity)
    level = int(np.clip(np.rint(np.float32(m) * (1 - np.float32(sparsity))), n, m))
    for start in range(0, rows, m):
        group = mask[start : start + m]
        size = len(group)
        short = min(level, size) if ragged == "keep" else -(-size * level // m)
        assert (group.sum(axis=0) == (level if size == m else short)).all()


@settings(deadline=None)
@given(
    n=st.integers(1, 7),
    more=st.integers(1, 5),
    shape=st.sampled_from([(16, 3), (3, 3, 6, 2), (5,), (2, 7)]),
    seed=st.integers(0, 99),
)
def test_ends_as_nm(n, more, shape, seed):
    scores = np.random.default_rng(seed).normal(size=shape).astype("float32")
    m = n + more
    np.testing.assert_array_equal(
        GradualNM(n, m).mask(scores, 1 - n / m), NM(n, m).mask(scores, None)
    )


def test_walks_down_one_weight_a_group_during_training():
    model = keras.Sequential(
        [
            keras.layers.Input((16,)),
            keras.layers.Dense(8),
            keras.layers.Dense(4),
        ]
    )
    model.compile("sgd", "mse")
    x, y = np.random.default_rng(0).normal(size=(8, 16)), np.zeros((8, 4))
    pruner = Pruner(GradualNM(1, 4), Polynomial(0.0, 0.75, 0, 20, power=1, frequency=1))
    pruner.attach(model)
    levels = []
    for _ in range(20):
        model.train_on_batch(x, y)
        kernels = [model.get_weights()[place] for place in (0, 2)]
        for kernel in kernels:
            counts = np.count_nonzero(kernel.reshape(-1, 4, kernel.shape[1]), axis=1)
            assert counts.min() == counts.max()
        assert counts.min() == np.count_nonzero(kernels[0][:4, 0])  # alike in every weight
        levels.append(int(counts.min()))
    assert levels == sorted(levels, reverse=True)
    assert set(levels) == {4, 3, 2, 1}
    assert levels[-1] == 1
    assert all(NM(1, 4).holds(kernel) for kernel in kernels)
    assert pruner.summary().sparsity == 0.75


def test_preview_counts_the_end():
    model = keras.Sequential([keras.layers.Input((10,)), keras.layers.Dense(3)])
    summary = Pruner(GradualNM(2, 4), Cosine(0.0, 0.5, 0, 10)).preview(model)
    assert summary.kept_params == NM(2, 4).kept((10, 3), (0, 1)) == 15


def test_refuses_what_does_not_end_on_the_pattern():
    with pytest.raises(PruningError, match="schedule ends at 0"):
        Pruner(GradualNM(2, 4), Polynomial(0.0, 0.6, 0, 10))
    with pytest.raises(PruningError, match="nothing to share out"):
        Pruner(GradualNM(2, 4), Constant(0.5), allocation=ERK())
    with pytest.raises(PruningError, match="needs a schedule"):
        Pruner(GradualNM(2, 4))
