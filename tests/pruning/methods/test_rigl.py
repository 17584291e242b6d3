"""RigL: what is dropped, what is grown, and that the count stays."""

import keras
import numpy as np
import pytest

from harness.pruning import (
    ERK,
    NM,
    Block,
    Constant,
    Frozen,
    OneShot,
    Polynomial,
    Pruner,
    PruningError,
    Random,
    RigL,
    Unstructured,
)

RANDOM = np.random.default_rng(1)
X = RANDOM.normal(size=(32, 12)).astype("float32")
Y = RANDOM.normal(size=(32, 4)).astype("float32")


def two_layers(optimizer):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.layers.Input((12,)),
            keras.layers.Dense(20, "relu"),
            keras.layers.Dense(4),
        ]
    )
    model.compile(optimizer, "mse")
    return model


def rigl(end_step=40, frequency=4, sparsity=0.8, alpha=0.3, pattern=None):
    return Pruner(
        pattern or Unstructured(),
        Constant(sparsity, 0, end_step, frequency),
        score=Random(seed=5),
        allocation=ERK(),
        method=RigL(end_step, alpha),
    )


def masks_of(pruner):
    return {k: v for k, v in pruner.get_state().items() if k.startswith("mask/")}


def test_starts_with_erk_counts_and_keeps_them_for_good():
    model = two_layers(keras.optimizers.Adam(0.01))
    pruner = rigl().attach(model)
    counts = {k: int(m.sum()) for k, m in masks_of(pruner).items()}
    densities = {k: counts[k] / m.size for k, m in masks_of(pruner).items()}
    raw = np.array([(12 + 20) / (12 * 20), (20 + 4) / (20 * 4)])
    factor = 0.2 * 320 / (raw * [240, 80]).sum()
    np.testing.assert_allclose(list(densities.values()), raw * factor, atol=1 / 80)
    moved = 0
    for _ in range(45):
        before = masks_of(pruner)
        model.train_on_batch(X, Y)
        after = masks_of(pruner)
        assert {k: int(m.sum()) for k, m in after.items()} == counts
        moved += sum((before[k] != after[k]).sum() for k in before)
    assert moved > 0


def test_the_share_is_cosine_annealed():
    share = [float(RigL(100, alpha=0.3).share(t)) for t in (0, 25, 50, 100, 150)]
    expected = [0.15 * (1 + np.cos(np.pi * t / 100)) for t in (0, 25, 50, 100, 100)]
    np.testing.assert_allclose(share, expected, atol=1e-6)


def test_drops_the_smallest_and_grows_the_largest_gradients_from_zero():
    rate, step = 0.05, 4
    kernel = RANDOM.normal(size=(12, 4)).astype("float32")
    model = keras.Sequential([keras.layers.Input((12,)), keras.layers.Dense(4, use_bias=False)])
    model.set_weights([kernel])
    model.compile(keras.optimizers.SGD(rate), "mse")
    pruner = rigl(end_step=40, frequency=step, sparsity=0.5, alpha=0.5).attach(model)
    for _ in range(step - 1):
        model.train_on_batch(X, Y)
    (mask,) = masks_of(pruner).values()
    before = model.get_weights()[0]
    gradient = 2 * X.T @ (X @ before - Y) / Y.size
    model.train_on_batch(X, Y)
    after = model.get_weights()[0]
    (new,) = masks_of(pruner).values()

    kept = int(mask.sum())
    exchanged = round(kept * 0.25 * (1 + np.cos(np.pi * step / 40)))
    updated = np.where(mask, before - rate * gradient, 0)
    active = np.flatnonzero(mask)
    order = active[np.argsort(-np.abs(updated.ravel()[active]), kind="stable")]
    stay = np.zeros(mask.size, bool)
    stay[order[: kept - exchanged]] = True
    elsewhere = np.where(stay, -1, np.abs(gradient).ravel())
    grown = np.argsort(-elsewhere, kind="stable")[:exchanged]
    expected = stay.copy()
    expected[grown] = True
    np.testing.assert_array_equal(new.ravel(), expected)
    newly = new & ~mask
    assert newly.any()
    np.testing.assert_array_equal(after[newly], 0.0)
    np.testing.assert_allclose(after[new & mask], updated[new & mask], atol=1e-6)


def test_grown_weights_start_at_zero_under_momentum():
    # A weight dropped at one exchange may be grown at the next, its momentum not yet gone.
    model = two_layers(keras.optimizers.SGD(0.05, momentum=0.95))
    pruner = rigl(end_step=1000, frequency=1, sparsity=0.5, alpha=0.8).attach(model)
    regrown = 0
    dropped = {k: np.zeros_like(m) for k, m in masks_of(pruner).items()}
    kernels = [0, 2]
    for _ in range(15):
        before = masks_of(pruner)
        model.train_on_batch(X, Y)
        after = masks_of(pruner)
        for place, key in zip(kernels, before, strict=True):
            newly = after[key] & ~before[key]
            np.testing.assert_array_equal(model.get_weights()[place][newly], 0.0)
            regrown += int((newly & dropped[key]).sum())
            dropped[key] |= before[key] & ~after[key]
    assert regrown > 0


def test_nothing_moves_after_the_end():
    model = two_layers(keras.optimizers.SGD(0.1))
    pruner = Pruner(
        Unstructured(), Constant(0.8, 0, 12, 2), score=Random(), method=RigL(end_step=6)
    ).attach(model)
    for _ in range(6):
        model.train_on_batch(X, Y)
    before = masks_of(pruner)
    for _ in range(6):
        model.train_on_batch(X, Y)
    for key, mask in masks_of(pruner).items():
        np.testing.assert_array_equal(mask, before[key])


def test_a_rising_sparsity_is_reached_when_nothing_moves_any_more():
    model = two_layers(keras.optimizers.SGD(0.1))
    schedule = Polynomial(0.2, 0.8, 0, 10, frequency=1)
    pruner = Pruner(Unstructured(), schedule, score=Random(), method=RigL(end_step=5)).attach(model)
    for _ in range(10):
        model.train_on_batch(X, Y)
    assert pruner.summary().sparsity == pytest.approx(0.8, abs=1 / 320)


def test_moves_whole_blocks():
    model = two_layers(keras.optimizers.SGD(0.1))
    pruner = rigl(pattern=Block((2, 2)), sparsity=0.5, frequency=1).attach(model)
    first = masks_of(pruner)
    for _ in range(5):
        model.train_on_batch(X, Y)
    after = masks_of(pruner)
    assert any((after[k] != first[k]).any() for k in first)
    for key, mask in after.items():
        tiles = mask.reshape(mask.shape[0] // 2, 2, mask.shape[1] // 2, 2)
        assert (tiles.all((1, 3)) == tiles.any((1, 3))).all()
        assert mask.sum() == first[key].sum()


def test_refuses_axes_it_cannot_work_with():
    with pytest.raises(PruningError, match="does not allow"):
        Pruner(NM(2, 4), method=RigL(10))
    with pytest.raises(PruningError, match="begin_step=0"):
        Pruner(Unstructured(), OneShot(0.5, step=3), method=RigL(10))
    with pytest.raises(PruningError, match=r'keeps all that are equal: use ties="index"'):
        Pruner(Unstructured(ties="keep"), Constant(0.5), method=RigL(10))
    with pytest.raises(PruningError, match=r"Frozen\(\) never does: use Constant"):
        Pruner(Unstructured(), Frozen(), method=RigL(10))
    with pytest.raises(PruningError, match="end_step"):
        RigL(0)
    with pytest.raises(PruningError, match="alpha"):
        RigL(10, alpha=0.0)
