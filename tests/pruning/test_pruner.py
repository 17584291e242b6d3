"""Attaching, detaching, reporting and refusing."""

import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from harness.pruning import (
    ERK,
    NM,
    SRSTE,
    Block,
    ByName,
    Constant,
    Frozen,
    Global,
    Magnitude,
    OneShot,
    Pattern,
    Polynomial,
    Pruner,
    PruningError,
    Random,
    Taylor,
    Unstructured,
)
from tests.pruning.small_models import perceptron, vectors


def small():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3), name="image"),
            layers.Conv2D(8, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(name="flat"),
            layers.Dense(10, name="head", kernel_constraint=keras.constraints.MaxNorm(0.5)),
        ],
        name="small",
    )
    model.compile(keras.optimizers.SGD(0.01, name="sgd"), "mse")
    return model


def batch(seed=0):
    random = np.random.default_rng(seed)
    return random.standard_normal((8, 6, 6, 3), np.float32), random.standard_normal(
        (8, 10), np.float32
    )


def test_preview_touches_nothing_and_foretells_the_summary():
    model = small()
    before = model.get_weights()
    pruner = Pruner(Unstructured(), Constant(0.7))
    preview = pruner.preview(model)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not pruner.attached
    assert [v.constraint is None for v in model.trainable_variables].count(False) == 1
    assert pruner.attach(model).summary().as_dict() == preview.as_dict()


@pytest.mark.parametrize("allocation", [None, ERK(), Global()])
@pytest.mark.parametrize("pattern", [Unstructured(), Block((2, 2))])
def test_preview_counts(pattern, allocation):
    model = small()
    pruner = Pruner(pattern, OneShot(0.8), allocation=allocation)
    preview = pruner.preview(model)
    assert preview.as_dict() == pruner.attach(model).summary().as_dict()
    kept = [np.count_nonzero(layer.kernel.numpy()) for layer in (model.layers[0], model.layers[3])]
    assert [row.kept for row in preview.layers if row.prunable] == kept


def test_summary_has_every_weight_and_its_denominators():
    model = small()
    model.get_layer("norm").trainable = False
    summary = Pruner(Unstructured(), OneShot(0.5), scope=ByName("head")).attach(model).summary()
    rows = {row.path: row for row in summary.layers}
    assert rows["small/head/kernel"].kept == 640
    assert rows["small/head/kernel"].sparsity == 0.5
    assert rows["small/conv/kernel"].reason == "matches no included name"
    assert rows["small/conv/bias"].reason == "bias is no kernel: rank 1"
    assert rows["small/norm/gamma"].reason == "frozen"
    assert summary.prunable_params == 1280
    assert summary.trainable_params == 216 + 8 + 1280 + 10
    assert summary.total_params == model.count_params() == summary.trainable_params + 4 * 8
    assert summary.nonzero_params == summary.trainable_params - 640
    assert summary.sparsity == 0.5
    assert summary.sparsity_of_all == 640 / summary.total_params
    assert json.loads(summary.to_json())["prunable_params"] == 1280
    text = str(summary)
    assert "small/head/kernel" in text
    assert "prunable 1,280 of 1,514 trainable (1,546 in all)" in text


def test_masks_cost_one_byte_a_weight():
    model = small()
    pruner = Pruner(Unstructured(), Constant(0.5)).attach(model)
    masks = [weight.mask for weight in pruner.engine.weights]
    assert all(mask.dtype == tf.bool for mask in masks)  # stored as one byte
    assert all(not weight.slots for weight in pruner.engine.weights)
    assert sum(int(np.prod(mask.shape)) for mask in masks) == pruner.summary().prunable_params


def test_detach_leaves_an_ordinary_model(tmp_path):
    plain, pruned = small(), small()
    pruner = Pruner(Unstructured(), Constant(0.5, frequency=1)).attach(pruned)
    pruned.fit(*batch(), verbose=0, callbacks=[pruner.callback()])
    outputs = pruned.predict(batch()[0], verbose=0)
    pruned.save(tmp_path / "attached.keras")
    pruner.detach(pruned)
    assert type(pruned) is type(plain)
    assert [layer.name for layer in pruned.layers] == [layer.name for layer in plain.layers]
    assert [v.path for v in pruned.variables] == [v.path for v in plain.variables]
    for old, new in zip(plain.trainable_variables, pruned.trainable_variables, strict=True):
        assert type(old.constraint) is type(new.constraint)
    np.testing.assert_array_equal(outputs, pruned.predict(batch()[0], verbose=0))
    # The same bytes as a model that never met a pruner, but holds the same values.
    pruned.save(tmp_path / "pruned.keras")
    plain.fit(*batch(), verbose=0)
    plain.set_weights(pruned.get_weights())
    for own, other in zip(pruned.optimizer.variables, plain.optimizer.variables, strict=True):
        other.assign(own)
    plain.save(tmp_path / "plain.keras")
    contents = [zipfile.ZipFile(tmp_path / f"{n}.keras") for n in ("pruned", "plain", "attached")]
    for name in ("config.json", "model.weights.h5"):
        first, *others = (archive.read(name) for archive in contents)
        assert all(first == other for other in others), name
        assert b"prun" not in first
        assert b"mask" not in first


def test_training_after_detach_is_dense_again():
    model = small()
    pruner = Pruner(Unstructured(), Constant(0.5, frequency=1)).attach(model)
    model.train_on_batch(*batch())
    pruner.detach()
    assert np.count_nonzero(model.get_layer("conv").kernel.numpy()) == 108
    model.train_on_batch(*batch())
    assert np.count_nonzero(model.get_layer("conv").kernel.numpy()) == 216


def test_a_user_constraint_still_holds_and_comes_back():
    model = small()
    constraint = model.get_layer("head").kernel.constraint
    pruner = Pruner(Unstructured(), Constant(0.5, frequency=1)).attach(model)
    model.get_layer("head").kernel.assign(10 * model.get_layer("head").kernel)
    model.train_on_batch(*batch())
    norms = np.linalg.norm(model.get_layer("head").kernel.numpy(), axis=0)
    assert (norms <= 0.5 + 1e-5).all()
    pruner.detach()
    assert model.get_layer("head").kernel.constraint is constraint


def test_several_pruners_share_a_model():
    model = small()
    first = Pruner(NM(2, 4), scope=ByName("head")).attach(model)
    second = Pruner(Unstructured(), Polynomial(0.2, 0.9, 0, 4, frequency=1), scope=ByName("conv"))
    second.attach(model)
    model.fit(*batch(), epochs=5, verbose=0, callbacks=[first.callback(), second.callback()])
    assert first.step == second.step == 5
    assert first.summary().sparsity == 0.5
    assert second.summary().sparsity == pytest.approx(0.9, abs=3e-3)
    assert NM(2, 4).holds(model.get_layer("head").kernel.numpy())
    second.detach()
    model.train_on_batch(*batch())
    assert first.step == 6
    assert second.attached is False
    with pytest.raises(PruningError, match="already held by another pruner"):
        Pruner(Unstructured(), OneShot(0.5)).attach(model)


def test_frozen_layers_stay_as_they_are():
    model = small()
    head = model.get_layer("head")
    head.trainable = False
    before = head.kernel.numpy()
    pruner = Pruner(Unstructured(), Constant(0.5, frequency=1)).attach(model)
    model.compile("sgd", "mse")
    model.fit(*batch(), verbose=0, callbacks=[pruner.callback()])
    np.testing.assert_array_equal(head.kernel.numpy(), before)


def test_a_layer_frozen_later_keeps_weights_and_mask():
    model = small()
    pruner = Pruner(Unstructured(), Polynomial(0.2, 0.9, 0, 4, frequency=1)).attach(model)
    head = model.get_layer("head")
    head.trainable = False
    before = head.kernel.numpy()
    model.compile("sgd", "mse")
    model.fit(*batch(), epochs=4, verbose=0, callbacks=[pruner.callback()])
    np.testing.assert_array_equal(head.kernel.numpy(), before)
    sparsity = {
        row.layer: row.sparsity for row in pruner.summary().layers if row.weight == "kernel"
    }
    assert sparsity["head"] == pytest.approx(0.2, abs=3e-3)
    assert sparsity["conv"] == pytest.approx(0.9, abs=3e-3)


def test_fine_tuning_with_frozen_masks():
    model = small()
    kernel = model.get_layer("head").kernel
    kernel.assign(np.where(np.random.default_rng(0).random(kernel.shape) < 0.9, 0, kernel.numpy()))
    zero = kernel.numpy() == 0
    pruner = Pruner(Unstructured(), Frozen(), scope=ByName("head"))
    assert pruner.preview(model).kept_params == (~zero).sum()
    pruner.attach(model)
    before = kernel.numpy()
    model.fit(*batch(), epochs=3, verbose=0, callbacks=[pruner.callback()])
    np.testing.assert_array_equal(kernel.numpy() == 0, zero)
    assert (kernel.numpy() != before).any()
    assert pruner.summary().as_dict()["target_sparsity"] is None


def test_random_masks_are_seeded_and_nested():
    def mask(seed, sparsity):
        pruner = Pruner(Unstructured(), OneShot(sparsity), Random(seed)).attach(small())
        return pruner.get_state()["mask/0001"]

    np.testing.assert_array_equal(mask(0, 0.5), mask(0, 0.5))
    assert (mask(0, 0.5) != mask(1, 0.5)).any()
    assert not (mask(0, 0.9) & ~mask(0, 0.5)).any()


def test_state_is_checked_and_its_file_is_whole_or_absent(tmp_path):
    pruner = Pruner(Unstructured(), Constant(0.5)).attach(small())
    path = tmp_path / "pruner.npz"
    pruner.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["pruner.npz"]
    pruner.load(path)
    other = Pruner(Unstructured(), Constant(0.5), scope=ByName("head")).attach(small())
    with pytest.raises(PruningError, match="not of this pruner and model"):
        other.load(path)
    wrong = pruner.get_state()
    wrong["mask/0001"] = np.ones((2, 2), bool)
    with pytest.raises(PruningError, match=r"mask/0001 has shape \(2, 2\), small/head/kernel has"):
        pruner.set_state(wrong)
    with pytest.raises(PruningError, match="no pruner state at"):
        pruner.load(tmp_path / "absent.npz")
    path.write_bytes(b"garbage")
    with pytest.raises(PruningError, match=r"not a file that Pruner\.save wrote"):
        pruner.load(path)


def test_a_state_is_written_as_any_numpy_2_can(tmp_path, monkeypatch):
    """NumPy 2.0 has no argument here but arrays to write."""

    def written(file, **arrays):
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w") as part:
                    np.lib.format.write_array(part, np.asanyarray(array))

    monkeypatch.setattr(np, "savez_compressed", written)
    pruner = Pruner(Unstructured(), Constant(0.5)).attach(small())
    pruner.save(tmp_path / "pruner.npz")
    pruner.load(tmp_path / "pruner.npz")


def test_a_state_of_another_pattern_is_refused():
    state = Pruner(Unstructured(), Constant(0.5)).attach(small()).get_state()
    with pytest.raises(PruningError, match=r"masks are Unstructured\(\), and this .* NM\(2, 4\)"):
        Pruner(NM(2, 4)).attach(small(), state=state)
    del state["pattern"]  # as states were written before they told it
    Pruner(Unstructured(), Constant(0.5)).attach(small(), state=state)

    class Own(Unstructured):
        __repr__ = Pattern.__repr__

    state = Pruner(Own(), Constant(0.5)).attach(small()).get_state()
    Pruner(Own(), Constant(0.5)).attach(small(), state=state)


def nan_model():
    model = small()
    model.get_layer("head").kernel.assign(np.full((128, 10), np.nan, np.float32))
    return model


def attached_twice():
    model = small()
    Pruner(Unstructured(), OneShot(0.5)).attach(model).attach(model)


def detached_from_another():
    Pruner(Unstructured(), OneShot(0.5)).attach(small()).detach(small())


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: Pruner(Unstructured()), "needs a schedule"),
        (lambda: Pruner("unstructured", OneShot(0.5)), "pattern must be a Pattern"),
        (lambda: Pruner(Unstructured(), 0.5), "schedule must be a Schedule"),
        # as in tfmot
        (lambda: Pruner(Constant(0.5)), r"write Pruner\(Unstructured\(\), Constant\(target=0.5"),
        (lambda: Constant(0.5, 0, -1), "received -1, tfmot's .* write end_step=None"),
        (lambda: Constant(target_sparsity=0.5), "no target_sparsity; write target=…"),
        (
            lambda: Polynomial(initial_sparsity=0, final_sparsity=0.5, begin_step=0, end_step=9),
            "Polynomial has no initial_sparsity; write initial=…",
        ),
        (lambda: Block((4, 1), "AVG"), r"received 'AVG' \(tfmot's name; write 'average'\)"),
        (lambda: Pruner(Unstructured(), OneShot(0.5), "magnitude"), "score must be a Score"),
        (lambda: Pruner(Unstructured(), OneShot(0.5), Taylor()), "begin_step of 1 or more"),
        (lambda: Pruner(NM(2, 4), OneShot(0.9)), "the schedule ends at 0.9"),
        (lambda: Pruner(NM(2, 4), Polynomial(0, 0.5, 0, 9)), "begins at 0: .* GradualNM"),
        (lambda: Pruner(NM(2, 4), allocation=ERK()), "has nothing to share out"),
        (lambda: Pruner(NM(2, 4), score=Magnitude(), scope=3), "scope must be a Scope"),
        (attached_twice, "already attached to model 'small'"),
        (detached_from_another, "attached to 'small', not 'small"),
        (lambda: Pruner(Unstructured(), OneShot(0.5)).detach(), "not attached"),
        (lambda: Pruner(Unstructured(), OneShot(0.5)).summary(), "not attached"),
        (
            lambda: Pruner(Unstructured(), OneShot(0.5)).attach(nan_model()),
            "NaN in the scores of small/head/kernel",
        ),
        (
            lambda: Pruner(NM(2, 4, ragged="skip"), scope=ByName("conv")).attach(small()),
            "skipped: NM.2, 4.: 4 does not divide the 3 weights along axis 2",
        ),
    ],
)
def test_refused(act, message):
    with pytest.raises(PruningError, match=message):
        act()


def test_a_refused_attach_leaves_the_model_alone():
    model = nan_model()
    pruner = Pruner(Unstructured(), OneShot(0.5))
    with pytest.raises(PruningError):
        pruner.attach(model)
    assert not pruner.attached
    assert model.get_layer("conv").kernel.constraint is None
    assert np.count_nonzero(model.get_layer("conv").kernel.numpy()) == 216


@pytest.mark.parametrize("method", [None, SRSTE()])
def test_a_pattern_that_dictates_its_sparsity_needs_no_schedule(method):
    """Its mask is set once, so that no weight comes back with no training left for it."""
    model = perceptron()
    model.compile(keras.optimizers.Adam(0.05), "mse")
    pruner = Pruner(NM(2, 4), method=method).attach(model)
    assert pruner.schedule == (OneShot(0.5) if method is None else Constant(0.5, frequency=1))
    before = [weight.mask.numpy() for weight in pruner.engine.weights]
    x, y = vectors()
    model.fit(x, y, batch_size=16, epochs=15, verbose=0, callbacks=[pruner.callback()])
    assert pruner.step == 120
    moved = [
        (w.mask.numpy() != b).any() for w, b in zip(pruner.engine.weights, before, strict=True)
    ]
    assert any(moved) == (method is not None)
    assert all(NM(2, 4).holds(weight.variable.numpy()) for weight in pruner.engine.weights)


def test_progress_is_the_schedule_as_run():
    model, (x, y) = small(), batch()
    pruner = Pruner(Unstructured(), Polynomial(0.0, 0.8, begin_step=2, end_step=6, frequency=2))
    pruner.attach(model)
    assert pruner.progress() == (0.0, 0.0)
    for _ in range(7):
        model.train_on_batch(x, y)
        scheduled, reached = pruner.progress()
        due = [step for step in (2, 4, 6) if step <= pruner.step]
        wanted = float(pruner.schedule.sparsity(due[-1])) if due else 0.0
        assert scheduled == pytest.approx(wanted)
        assert reached == pytest.approx(pruner.summary().sparsity)
        assert reached == pytest.approx(scheduled, abs=0.01)
    state = pruner.get_state()
    other = small()
    resumed = Pruner(Unstructured(), pruner.schedule).attach(other, state=state)
    assert resumed.progress() == pruner.progress()
