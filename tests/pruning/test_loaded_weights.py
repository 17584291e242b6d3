"""Weights and optimizers that somebody loads after a pruner was attached, by whatever means."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.pruning import (
    ERK,
    NM,
    Constant,
    Frozen,
    OneShot,
    Polynomial,
    Pruner,
    PruningError,
    PruningWarning,
    Random,
    RigL,
    StraightThrough,
    Unstructured,
)
from tests.pruning.small_models import perceptron, vectors, weights, zeros

pytestmark = pytest.mark.anywhere  # what is gone on with is compared with what was not broken off

RAMP = Polynomial(0.0, 0.8, begin_step=0, end_step=40, frequency=4)


class Crash(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise RuntimeError("power cut")


def ramp():
    return Pruner(Unstructured(), RAMP)


def one_shot():
    return Pruner(Unstructured(), OneShot(0.8))


def late():
    return Pruner(Unstructured(), Polynomial(0.0, 0.8, begin_step=30, end_step=40, frequency=2))


def two_of_four():
    return Pruner(NM(2, 4))


def random():
    return Pruner(Unstructured(), OneShot(0.8), score=Random(seed=3))


def rigl():
    schedule = Constant(0.8, 0, 30, frequency=4)
    return Pruner(Unstructured(), schedule, score=Random(seed=3), allocation=ERK(), method=RigL(30))


def straight_through():
    return Pruner(Unstructured(), RAMP, method=StraightThrough())


def compiled(seed=0, optimizer=None):
    model = perceptron(seed)
    model.compile(optimizer or keras.optimizers.Adam(0.01), "mse")
    return model


def fit(model, callbacks=(), epochs=5, **options):
    options = {"batch_size": 16, "shuffle": False, "verbose": 0} | options
    return model.fit(*vectors(), epochs=epochs, callbacks=list(callbacks), **options)


def masks(pruner):
    return [weight.mask.numpy() for weight in weights(pruner)]


def assert_equal(ones, others):
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_array_equal(one, other)


class TestBackupAndRestore:
    """A training that crashed in its fourth epoch, taken up in a process that knows nothing."""

    def crashed(self, make, folder, order, crash=True, seed=1, wrap=lambda optimizer: optimizer):
        model = compiled(seed, wrap(keras.optimizers.Adam(0.01)))
        pruner = make().attach(model)
        callbacks = [pruner.callback(), keras.callbacks.BackupAndRestore(folder)][::order]
        if not crash:
            fit(model, callbacks)
        else:
            with pytest.raises(RuntimeError, match="power cut"):
                fit(model, [*callbacks, Crash()])
        return model, pruner

    @pytest.mark.parametrize(
        ("make", "order"),
        [(ramp, 1), (ramp, -1), (one_shot, -1), (late, 1), (two_of_four, 1), (random, -1)],
    )
    def test_goes_on_as_if_nothing_had_happened(self, tmp_path, make, order):
        wanted, through = self.crashed(make, tmp_path / "a", order, crash=False)
        self.crashed(make, tmp_path / "b", order)
        with pytest.warns(PruningWarning, match=r"\+24 updates.*goes on from there"):
            model, pruner = self.crashed(make, tmp_path / "b", order, crash=False, seed=2)
        assert pruner.step == through.step == 40
        assert_equal(masks(pruner), masks(through))
        assert_equal(model.get_weights(), wanted.get_weights())

    @pytest.mark.parametrize(("make", "order"), [(rigl, 1), (straight_through, -1)])
    def test_keeps_the_masks_of_methods_that_keep_more(self, tmp_path, make, order):
        _, before = self.crashed(make, tmp_path, order)
        old, kept = masks(before), []
        seen = keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda batch, logs: kept.append(masks(pruner))
        )
        model = compiled(2)
        pruner = make().attach(model)
        callbacks = [pruner.callback(), keras.callbacks.BackupAndRestore(tmp_path)][::order]
        with pytest.warns(PruningWarning, match="goes on from there"):
            fit(model, [*callbacks, seen])
        # What has just grown is zero still, and cannot be told from what is off the mask.
        same = sum((a & b).sum() for a, b in zip(kept[0], old, strict=True))
        assert same >= 0.9 * sum(mask.sum() for mask in old)
        assert pruner.step == 40

    @pytest.mark.parametrize(
        "wrap",
        [
            keras.optimizers.LossScaleOptimizer,
            lambda inner: keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(inner)),
        ],
        ids=["loss scale", "multi"],
    )
    def test_counts_through_the_shells_of_an_optimizer(self, tmp_path, wrap):
        self.crashed(ramp, tmp_path, 1, wrap=wrap)
        with pytest.warns(PruningWarning, match=r"\+24 updates"):
            _, pruner = self.crashed(ramp, tmp_path, 1, crash=False, seed=2, wrap=wrap)
        assert pruner.step == 40

    def test_counts_updates_not_batches(self, tmp_path):
        def accumulating(optimizer):
            return keras.optimizers.Adam(0.01, gradient_accumulation_steps=2)

        def half():
            return Pruner(Unstructured(), Polynomial(0.0, 0.8, 0, 20, frequency=2))

        self.crashed(half, tmp_path, 1, wrap=accumulating)
        with pytest.warns(PruningWarning, match=r"\+12 updates"):
            _, pruner = self.crashed(half, tmp_path, 1, crash=False, seed=2, wrap=accumulating)
        assert pruner.step == 20

    def test_in_the_same_process_the_step_goes_back_with_the_weights(self, tmp_path):
        class CrashInTheMiddle(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                if self.model.optimizer.iterations == 29:
                    raise RuntimeError("power cut")

        model = compiled()
        pruner = ramp().attach(model)
        callbacks = [pruner.callback(), keras.callbacks.BackupAndRestore(tmp_path)]
        with pytest.raises(RuntimeError, match="power cut"):
            fit(model, [*callbacks, CrashInTheMiddle()])
        assert pruner.step == 29
        with pytest.warns(PruningWarning, match="-5 updates"):
            fit(model, callbacks)
        assert pruner.step == int(model.optimizer.iterations) == 40
        assert zeros(model) == pruner.summary().sparsity == pytest.approx(0.8, abs=1e-3)

    def test_without_the_callback_it_is_seen_as_well(self, tmp_path):
        def run():
            model = compiled()
            pruner = one_shot().attach(model)
            return model, pruner, [keras.callbacks.BackupAndRestore(tmp_path)]

        model, before, callbacks = run()
        with pytest.raises(RuntimeError):
            fit(model, [*callbacks, Crash()])
        model, after, callbacks = run()
        with pytest.warns(PruningWarning):
            fit(model, callbacks)
        assert_equal(masks(before), masks(after))


def saved(tmp_path, make, epochs=3):
    """Weights and optimizer of a training of some epochs under a pruner, or dense."""
    model = compiled(1)
    pruner = make().attach(model) if make else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(model, [pruner.callback()] if pruner else [], epochs)
    path = tmp_path / "trained.weights.h5"
    model.save_weights(path)
    return path, pruner and masks(pruner)


def test_weights_loaded_before_fit_are_pruned_by_their_own_values(tmp_path):
    path, old = saved(tmp_path, one_shot)
    model = compiled(2)
    pruner = one_shot().attach(model)
    model.load_weights(path)  # without the optimizer, which is not built yet
    fit(model, [pruner.callback()])
    assert_equal(masks(pruner), old)


def test_an_optimizer_of_a_dense_training_does_not_move_the_schedule(tmp_path):
    path, _ = saved(tmp_path, None)
    model = compiled(2)
    pruner = ramp().attach(model)
    model.optimizer.build(model.trainable_variables)
    model.load_weights(path)
    with pytest.warns(PruningWarning, match="not as sparse as the schedule.*from step 0"):
        fit(model, [pruner.callback()])
    assert pruner.step == 40
    assert zeros(model) == pytest.approx(0.8, abs=1e-3)


def test_weights_loaded_between_two_fits_get_masks_of_their_own(tmp_path):
    path, old = saved(tmp_path, one_shot)
    model = compiled(2)
    pruner = one_shot().attach(model)
    fit(model, [pruner.callback()], epochs=1)
    assert any((a != b).any() for a, b in zip(masks(pruner), old, strict=True))
    built = model.optimizer
    model.optimizer = None  # its state stays as it is
    model.load_weights(path)
    model.optimizer = built
    with pytest.warns(PruningWarning, match="loaded since step 8: .* made anew"):
        fit(model, [pruner.callback()], epochs=1)
    assert_equal(masks(pruner), old)
    assert pruner.step == 16


def test_training_on_with_the_pruners_state_says_nothing(tmp_path, recwarn):
    model = compiled()
    pruner = ramp().attach(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(model, [pruner.callback()], epochs=3)
    model.save(tmp_path / "model.keras")
    pruner.save(tmp_path / "pruner.npz")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    again = ramp().attach(loaded, state=tmp_path / "pruner.npz")
    fit(loaded, [again.callback()], initial_epoch=3)
    fit(model, [pruner.callback()], initial_epoch=3)
    assert_equal(model.get_weights(), loaded.get_weights())
    assert not [w for w in recwarn if issubclass(w.category, PruningWarning)]


def test_a_pruned_model_attached_anew_warns_that_its_zeros_return(tmp_path):
    model = compiled()
    fit(model, epochs=3)
    pruner = one_shot().attach(model)
    pruner.detach()
    with pytest.warns(PruningWarning, match="zero already.*state that pruner.save"):
        ramp().attach(model)


def test_a_trained_dense_model_is_attached_without_a_word(recwarn):
    model = compiled()
    fit(model, epochs=1)
    pruner = ramp().attach(model)
    fit(model, [pruner.callback()])
    assert pruner.step == 40
    assert not [w for w in recwarn if issubclass(w.category, PruningWarning)]


def test_a_later_first_epoch_on_sparse_weights_warns(tmp_path):
    path, _ = saved(tmp_path, ramp)
    model = compiled(2)
    pruner = ramp().attach(model)
    model.load_weights(path)  # the weights alone
    with pytest.warns(PruningWarning, match="zero already"):
        fit(model, [pruner.callback()], initial_epoch=3)


def test_a_frozen_pruner_takes_the_zeros_of_what_is_restored(tmp_path):
    path, old = saved(tmp_path, one_shot)
    model = compiled(2)
    pruner = Pruner(Unstructured(), Frozen()).attach(model)
    model.load_weights(path)
    fit(model, [pruner.callback()])
    assert_equal(masks(pruner), old)


@pytest.mark.parametrize("graph", [True, False], ids=["graph", "eager"])
@pytest.mark.parametrize("with_optimizer", [True, False], ids=["all", "weights"])
def test_custom_loops_prune_what_was_restored(tmp_path, graph, with_optimizer):
    path, old = saved(tmp_path, one_shot)
    model, optimizer = perceptron(2), keras.optimizers.Adam(0.01)
    pruner = one_shot().attach(model, optimizer=optimizer)
    if with_optimizer:
        model.compile(optimizer, "mse")
        optimizer.build(model.trainable_variables)
    model.load_weights(path)

    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    step = tf.function(step) if graph else step
    optimizer.build(model.trainable_variables)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        step(*(array[:16] for array in vectors()))
    assert_equal(masks(pruner), old)
    assert pruner.step == (25 if with_optimizer else 1)
    heard = [w for w in said if issubclass(w.category, PruningWarning)]
    assert len(heard) == with_optimizer


def test_a_loop_whose_optimizer_is_not_named_prunes_what_was_restored(tmp_path):
    path, old = saved(tmp_path, one_shot)
    model, optimizer = perceptron(2), keras.optimizers.SGD(0.01)
    pruner = one_shot().attach(model)
    model.load_weights(path)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step():
        optimizer.apply([tf.ones(v.shape) for v in model.trainable_variables])

    step()
    assert_equal(masks(pruner), old)


def test_an_update_in_two_parts_is_no_foreign_count(recwarn):
    class Twice(keras.Sequential):
        def train_step(self, batch):
            for variables in (self.trainable_variables[:2], self.trainable_variables[2:]):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean(tf.square(self(batch[0], training=True) - batch[1]))
                self.optimizer.apply(tape.gradient(loss, variables), variables)
            return {"loss": loss}

    model = Twice(perceptron().layers)
    model.build((None, 16))
    model.compile("sgd")
    model.optimizer.build(model.trainable_variables)
    pruner = Pruner(Unstructured(), Constant(0.5, end_step=8, frequency=4)).attach(model)
    for _ in range(2):
        fit(model, [pruner.callback()], epochs=1)
    assert (pruner.step, int(model.optimizer.iterations)) == (16, 32)
    assert not [w for w in recwarn if "counts" in str(w.message)]


def step_by(model, optimizer):
    x, y = map(tf.convert_to_tensor, vectors())

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)

    return step


@pytest.mark.parametrize("loads", [True, False])
def test_an_eager_loop_of_an_optimizer_not_named_tells_of_loaded_weights(loads):
    model = perceptron(0)
    Pruner(Unstructured(), OneShot(0.8)).attach(model)
    if loads:
        model.set_weights(perceptron(1).get_weights())
    step = step_by(model, keras.optimizers.Adam(0.001))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PruningWarning)
        step()
        step()
    told = [str(one.message) for one in caught if one.category is PruningWarning]
    assert len(told) == loads
    assert all("attach(model, optimizer=…)" in text for text in told)


def test_a_step_traced_before_attach_is_told_of():
    model, optimizer = perceptron(0), keras.optimizers.Adam(0.001)
    optimizer.build(model.trainable_variables)
    step = tf.function(step_by(model, optimizer))
    step()
    pruner = Pruner(Unstructured(), OneShot(0.8)).attach(model, optimizer)
    step()
    step()
    with pytest.warns(PruningWarning, match="counts 2 updates .*a tf.function traced before"):
        pruner.detach()


def test_a_layer_unfrozen_after_attach_is_told_of():
    model = compiled()
    first, *_ = (layer for layer in model.layers if layer.get_weights())
    first.trainable = False
    pruner = Pruner(Unstructured(), OneShot(0.8)).attach(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error", PruningWarning)
        fit(model)
    first.trainable = True
    model.compile(keras.optimizers.Adam(0.01), "mse")
    with pytest.warns(PruningWarning, match=f"frozen at attach.*{first.name}/kernel.*attach it"):
        fit(model)
    pruner.detach()


def test_a_fit_of_a_model_around_the_one_attached_to_says_what_to_do():
    inner = perceptron(0)
    outer = keras.Sequential([keras.Input(inner.input_shape[1:]), inner], name="outer")
    outer.compile("adam", "mse")
    pruner = Pruner(Unstructured(), OneShot(0.8)).attach(inner)
    with pytest.raises(PruningError, match="trains 'outer': attach to the model whose fit you"):
        outer.fit(*vectors(), verbose=0, callbacks=[pruner.callback()])
