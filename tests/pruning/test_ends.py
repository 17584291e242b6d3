"""Weights are sparse when a training has ended, however it ended and whoever changed them."""

import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.pruning import (
    OneShot,
    Polynomial,
    Pruner,
    PruningWarning,
    StraightThrough,
    Unstructured,
)
from tests.pruning.small_models import assert_sparse, perceptron, vectors, zeros

SCHEDULE = Polynomial(0.0, 0.9, 0, 32, frequency=8)


class FirstIsBest(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["worse"] = float(epoch)


class LoadDense(keras.callbacks.Callback):
    """Weights without a zero at the end of training, as weights from anywhere may be."""

    def on_train_end(self, logs=None):
        self.model.set_weights([np.ones_like(w) for w in self.model.get_weights()])


def attached(method=None, **compilation):
    model = perceptron()
    model.compile("adam", "mse", **compilation)
    return model, Pruner(Unstructured(), SCHEDULE, method=method).attach(model)


def fit(model, *args, epochs=4, **options):
    return model.fit(*vectors(), *args, epochs=epochs, verbose=0, **options)


def stopping():
    return keras.callbacks.EarlyStopping("worse", mode="min", patience=9, restore_best_weights=True)


@pytest.mark.parametrize("method", [None, StraightThrough()])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("last", [stopping, LoadDense])
def test_callbacks_that_load_weights_when_training_ends(last, order, method):
    model, pruner = attached(method)
    fit(model, batch_size=16, callbacks=[FirstIsBest(), *[last(), pruner.callback()][::order]])
    assert pruner.summary().sparsity == zeros(model) == pytest.approx(0.9, abs=1e-3)
    assert_sparse(pruner)


@pytest.mark.parametrize("how", ["one callback", "none", "by place", "a list of Keras'"])
def test_however_callbacks_are_handed_over(how):
    model, _ = attached()
    load = LoadDense()
    if how == "one callback":
        fit(model, batch_size=16, callbacks=load)
    elif how == "none":
        fit(model, batch_size=16)
    elif how == "by place":
        model.fit(*vectors(), 16, 4, 0, [load])
    else:
        around = keras.callbacks.CallbackList(
            [load], add_history=True, model=model, epochs=4, steps=8
        )
        fit(model, batch_size=16, callbacks=around)
        fit(model, batch_size=16, callbacks=around)
        assert len(around.callbacks) == 3  # Keras' history and ours, once
    assert zeros(model) == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize("method", [None, StraightThrough()])
def test_a_training_that_fails_leaves_sparse_weights(method, eager):
    class Fails(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 6:
                self.model.set_weights([np.ones_like(w) for w in self.model.get_weights()])
                raise KeyboardInterrupt

    model, pruner = attached(method, run_eagerly=eager)
    with pytest.raises(KeyboardInterrupt):
        fit(model, batch_size=8, callbacks=[pruner.callback(), Fails()])
    assert pruner.step == 7
    assert_sparse(pruner)


def test_an_update_cut_off_in_the_middle_leaves_sparse_weights():
    def explode(variable):
        raise RuntimeError("in the middle of an update")

    model, pruner = attached(run_eagerly=True)
    model.get_layer("head").bias.constraint = explode  # comes after the update, before a mask
    model.get_layer("head").kernel.assign(np.ones((32, 4)))
    with pytest.raises(RuntimeError, match="in the middle"):
        fit(model, batch_size=16)
    assert_sparse(pruner)


def test_a_fit_of_the_models_own_is_left_its_arguments():
    class Own(keras.Sequential):
        def fit(self, pairs):
            return super().fit(*pairs, batch_size=16, epochs=4, verbose=0)

    model = Own(perceptron().layers)
    model.build((None, 16))
    model.compile("adam", "mse")
    pruner = Pruner(Unstructured(), SCHEDULE).attach(model)
    model.fit(vectors())
    assert zeros(model) == pytest.approx(0.9, abs=1e-3)
    with pytest.raises(TypeError, match="verbose"):
        model.fit(vectors(), verbose=0)
    pruner.detach()


def test_nothing_of_it_stays_on_the_model():
    model, pruner = attached()
    second = perceptron(1)
    second.compile("adam", "mse")
    assert "fit" in vars(model)
    assert "fit" not in vars(second)
    assert model.fit.__doc__ == second.fit.__doc__
    assert len(pickle.loads(pickle.dumps(model)).get_weights()) == 4
    pruner.detach()
    assert "fit" not in vars(model)
    assert "apply" not in vars(model.optimizer)


def test_a_summary_counts_weights_and_says_where_masks_differ():
    model = perceptron()
    pruner = Pruner(Unstructured(), OneShot(0.9)).attach(model)
    kernel = model.get_layer("hidden").kernel
    before = pruner.summary()
    assert (before.off_mask, before.sparsity) == (0, zeros(model))
    assert "off" not in str(before)

    values = kernel.numpy()
    on_mask = np.argwhere(values)[:3]
    off_mask = np.argwhere(values == 0)[:20]
    for place in on_mask:
        values[tuple(place)] = 0
    for place in off_mask:
        values[tuple(place)] = 7
    kernel.assign(values)
    summary = pruner.summary()
    assert summary.sparsity == zeros(model) != before.sparsity
    assert summary.kept_params == before.kept_params + 17
    (row,) = (row for row in summary.layers if row.path == kernel.path)
    assert (row.kept, row.on_mask, row.off_mask) == (51 + 17, 51, 20)
    assert row.reason == "20 non-zero off the mask; 3 zero on the mask"
    assert "20 non-zero weights are off their masks" in str(summary)
    assert summary.as_dict()["off_mask"] == 20


def test_weights_set_between_trainings_are_masked_when_the_next_begins():
    model, pruner = attached()
    fit(model, batch_size=16)
    model.set_weights([np.ones_like(w) for w in model.get_weights()])
    assert pruner.summary().sparsity == zeros(model) == 0
    seen = []
    look = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: seen.append(zeros(model))
    )
    with pytest.warns(PruningWarning, match="loaded since step 32"):
        fit(model, batch_size=16, epochs=1, callbacks=[look, pruner.callback()])
    assert seen == pytest.approx([0.9] * 8, abs=1e-3)


def test_training_under_the_loss_of_a_gradient_ends_sparse():
    model = perceptron()
    model.compile("adam", "mse")
    pruner = Pruner(Unstructured(), OneShot(0.9)).attach(model)
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
        model.fit(np.ones((4, 3), np.float32), np.ones((4, 4), np.float32), verbose=0)
    assert_sparse(pruner)
