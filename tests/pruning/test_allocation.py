"""Every allocation spends the budget to the weight."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.pruning import ERK, Channels, Global, OneShot, Pruner, Uniform
from harness.pruning.threshold import kept_count

SHAPES = st.lists(
    st.lists(st.integers(1, 12), min_size=1, max_size=4).map(tuple), min_size=1, max_size=7
)


def counts(allocation, shapes, sparsity):
    random = np.random.default_rng(0)
    units = [int(np.prod(shape)) for shape in shapes]
    scores = [tf.constant(random.random(n), tf.float32) for n in units]
    return (
        np.asarray(allocation.kept(units, shapes, tf.constant(sparsity, tf.float32), scores)),
        units,
        scores,
    )


@given(st.sampled_from([Uniform(), ERK(), Global()]), SHAPES, st.floats(0, 0.999))
@settings(max_examples=150)
def test_budget_is_exact(allocation, shapes, sparsity):
    kept, units, _ = counts(allocation, shapes, sparsity)
    assert (kept >= 1).all()
    assert (kept <= units).all()
    assert kept.sum() == max(kept_count(sum(units), sparsity), len(units))


@given(SHAPES, st.floats(0, 0.99))
@settings(max_examples=50)
def test_uniform_stays_within_one_of_tfmots_count(shapes, sparsity):
    kept, units, _ = counts(Uniform(), shapes, sparsity)
    if kept_count(sum(units), sparsity) >= len(units):
        assert np.abs(kept - np.maximum(kept_count(units, sparsity), 1)).max() <= max(
            1, sum(np.asarray(units) * (1 - sparsity) < 0.5)
        )


def test_uniform_alone_is_tfmots_count():
    for size, sparsity in ((1000, 0.35), (7, 0.5), (3, 0.99)):
        kept, _, _ = counts(Uniform(), [(size,)], sparsity)
        assert kept.tolist() == [kept_count(size, sparsity)]


def test_global_keeps_the_best_weights_of_the_network():
    kept, _, scores = counts(Global(), [(10, 10), (30,), (5, 5, 5)], 0.8)
    every = np.concatenate([np.asarray(score) for score in scores])
    threshold = np.sort(every)[-kept.sum()]
    assert kept.tolist() == [int((np.asarray(score) >= threshold).sum()) for score in scores]


def test_global_keeps_one_weight_where_it_would_empty_a_tensor():
    scores = [tf.constant([9.0, 8.0, 7.0, 6.0]), tf.constant([1.0, 2.0])]
    kept = Global().kept([4, 2], [(4,), (2,)], tf.constant(0.5), scores)
    assert np.asarray(kept).tolist() == [2, 1]


def test_erk_densities_follow_the_formula():
    shapes = [(3, 3, 64, 128), (3, 3, 128, 256), (256, 512)]
    kept, units, _ = counts(ERK(), shapes, 0.8)
    density = kept / units
    raw = np.array([sum(shape) / np.prod(shape) for shape in shapes])
    np.testing.assert_allclose(density / density[0], raw / raw[0], rtol=1e-3)


def test_erk_keeps_a_tensor_dense_and_shares_out_the_rest():
    kept, units, _ = counts(ERK(), [(3, 4), (400, 400), (300, 200)], 0.9)
    assert kept[0] == units[0]
    density = kept[1:] / np.asarray(units[1:])
    raw = np.array([800 / 160_000, 500 / 60_000])
    assert density[1] / density[0] == pytest.approx(raw[1] / raw[0], rel=1e-3)


def test_global_counts_units_and_says_what_that_is_in_weights():
    model = keras.Sequential(
        [keras.Input((16,)), keras.layers.Dense(8, name="wide"), keras.layers.Dense(8)]
    )
    model.layers[0].kernel.assign(tf.ones((16, 8)))
    model.layers[1].kernel.assign(tf.ones((8, 8)) * 0.1)
    told = Pruner(Channels(), OneShot(0.5), allocation=Global()).preview(model)
    kept = [layer.kept for layer in told.layers if layer.prunable]
    # of 16 channels 8: those of the wide layer but for the one without which the net is cut
    assert kept == [7 * 16, 1 * 8]
    assert told.sparsity == pytest.approx(1 - 120 / 192)
