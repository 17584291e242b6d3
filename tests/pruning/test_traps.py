"""What surprises users of other pruning libraries: short schedules, sparse checkpoints."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.pruning import Constant, OneShot, Polynomial, Pruner, PruningWarning, Unstructured
from tests.pruning.small_models import SCHEDULE, assert_sparse, data, sequential


def test_a_schedule_that_ends_after_training_warns_with_the_sparsity_reached():
    model = sequential()
    model.compile("sgd", "mse")
    schedule = Polynomial(0.0, 0.8, begin_step=0, end_step=100, frequency=3)
    pruner = Pruner(Unstructured(), schedule).attach(model)
    reached = float(schedule.sparsity(6))
    with pytest.warns(PruningWarning, match=f"ends at step 8.*{reached:.4f} will be reached"):
        model.fit(*data(), batch_size=16, epochs=2, verbose=0, callbacks=[pruner.callback()])
    assert pruner.summary().sparsity == pytest.approx(reached, abs=2e-3)


def test_a_schedule_that_begins_after_training_warns():
    model = sequential()
    model.compile("sgd", "mse")
    pruner = Pruner(Unstructured(), Constant(0.8, begin_step=50)).attach(model)
    with pytest.warns(PruningWarning, match="Nothing will be pruned: training ends at step 8"):
        model.fit(*data(), batch_size=16, epochs=2, verbose=0, callbacks=[pruner.callback()])


def test_a_schedule_cut_short_at_its_final_sparsity_says_only_that():
    model = sequential()
    model.compile("sgd", "mse")
    pruner = Pruner(Unstructured(), Constant(0.8, end_step=100)).attach(model)
    with pytest.warns(PruningWarning, match=r"sparsity 0\.8000 will be reached\.$"):
        model.fit(*data(), batch_size=16, verbose=0, callbacks=[pruner.callback()])


def test_a_data_set_of_unknown_length_is_checked_after_an_epoch():
    model = sequential()
    model.compile("sgd", "mse")
    pruner = Pruner(Unstructured(), OneShot(0.8, step=50)).attach(model)
    x, y = data()
    endless = tf.data.Dataset.from_generator(
        lambda: zip(x, y, strict=True),
        output_signature=(tf.TensorSpec((6, 6, 2)), tf.TensorSpec((5,))),
    ).batch(16)
    with pytest.warns(PruningWarning, match="training ends at step 12"):
        model.fit(endless, epochs=3, verbose=0, callbacks=[pruner.callback()])
    assert pruner.step == 12  # running out of data is no step


def test_no_warning_when_the_schedule_fits(recwarn):
    model = sequential()
    model.compile("sgd", "mse")
    pruner = Pruner(Unstructured(), SCHEDULE).attach(model)
    model.fit(*data(), batch_size=16, epochs=3, verbose=0, callbacks=[pruner.callback()])
    assert not [w for w in recwarn if issubclass(w.category, PruningWarning)]


def test_the_final_refresh_happens_where_the_frequency_misses_the_end():
    model = sequential()
    model.compile("sgd", "mse")
    pruner = Pruner(Unstructured(), Polynomial(0.0, 0.8, 0, 7, frequency=100)).attach(model)
    model.fit(*data(), batch_size=16, epochs=2, verbose=0, callbacks=[pruner.callback()])
    assert assert_sparse(pruner) == pytest.approx(0.8, abs=2e-3)


def test_checkpoints_within_an_epoch_are_sparse_and_predicting_changes_nothing(tmp_path):
    model = sequential()
    model.compile("sgd", "mse")
    pruner = Pruner(Unstructured(), OneShot(0.75)).attach(model)
    path = str(tmp_path / "{batch}.weights.h5")
    checkpoint = keras.callbacks.ModelCheckpoint(path, save_freq=2, save_weights_only=True)
    model.fit(*data(), batch_size=16, verbose=0, callbacks=[checkpoint, pruner.callback()])
    copy = sequential()
    copy.load_weights(tmp_path / "2.weights.h5")
    assert (copy.get_layer("head").kernel.numpy() == 0).mean() == pytest.approx(0.75, abs=0.01)
    before = model.get_weights()
    model.predict(data()[0], verbose=0)
    model.evaluate(*data(), verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
