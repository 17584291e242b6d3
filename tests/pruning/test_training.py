"""Pruning wherever Keras trains: weights are sparse at every moment, masks follow the schedule."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from harness.pruning import (
    NM,
    ByName,
    Constant,
    Global,
    Method,
    OneShot,
    Polynomial,
    Pruner,
    PruningError,
    PruningWarning,
    StraightThrough,
    Taylor,
    Unstructured,
)

SCHEDULE = Polynomial(0.2, 0.8, begin_step=1, end_step=10, frequency=4)


def data(count=64, seed=0):
    random = np.random.default_rng(seed)
    x = random.standard_normal((count, 6, 6, 2), np.float32)
    return x, random.standard_normal((count, 5), np.float32)


def blocks():
    return [
        layers.Conv2D(8, 3, name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(5, name="head"),
    ]


def sequential():
    return keras.Sequential([keras.Input((6, 6, 2)), *blocks()])


def functional():
    x = y = keras.Input((6, 6, 2))
    for layer in blocks():
        y = layer(y)
    return keras.Model(x, y)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.parts = blocks()

    def call(self, x, training=False):
        for part in self.parts:
            x = part(x, training=training) if part.name == "norm" else part(x)
        return x


def subclassed():
    model = Subclassed()
    model(np.zeros((1, 6, 6, 2), np.float32))
    return model


def nested():
    *body, head = blocks()
    return keras.Sequential([keras.Input((6, 6, 2)), keras.Sequential(body, name="body"), head])


def shared():
    conv = layers.Conv2D(2, 3, padding="same", name="conv")
    x = keras.Input((6, 6, 2))
    y = layers.Flatten()(conv(layers.ReLU()(conv(x))))
    return keras.Model(x, layers.Dense(5, name="head")(y))


def weights(pruner):
    return pruner.engine.weights


def assert_sparse(pruner):
    for weight in weights(pruner):
        mask = weight.mask.numpy()
        assert (weight.variable.numpy()[~mask] == 0).all()
    return pruner.summary().sparsity


class Watch(keras.callbacks.Callback):
    """Records sparsity after every call of the train function, and at its end."""

    def __init__(self, pruner):
        super().__init__()
        self.pruner, self.seen = pruner, []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((self.pruner.step, assert_sparse(self.pruner)))


def expected(step, total, weights_count=2):
    last = SCHEDULE.last_update(step)
    return 0.0 if last is None else float(SCHEDULE.sparsity(last))


@pytest.mark.parametrize("make", [sequential, functional, subclassed, nested, shared])
@pytest.mark.parametrize("mode", ["graph", "eager", "several steps per execution"])
def test_models_and_modes(make, mode):
    keras.utils.set_random_seed(0)
    model = make()
    steps = 4 if mode.startswith("several") else 1
    model.compile("adam", "mse", run_eagerly=mode == "eager", steps_per_execution=steps)
    pruner = Pruner(Unstructured(), SCHEDULE).attach(model)
    watch = Watch(pruner)
    model.fit(*data(), batch_size=16, epochs=3, verbose=0, callbacks=[pruner.callback(), watch])
    assert [step for step, _ in watch.seen] == list(range(steps, 13, steps))
    total = pruner.summary().prunable_params
    for step, sparsity in watch.seen:
        assert sparsity == pytest.approx(expected(step, total), abs=1 / total)


def test_steps_per_execution_and_eager_give_the_same_masks():
    def masks(**options):
        keras.utils.set_random_seed(0)
        model = sequential()
        model.compile("sgd", "mse", **options)
        pruner = Pruner(Unstructured(), SCHEDULE, allocation=Global()).attach(model)
        model.fit(*data(), batch_size=16, epochs=3, shuffle=False, verbose=0)
        return pruner.get_state()

    one, many, eager = masks(), masks(steps_per_execution=3), masks(run_eagerly=True)
    for key, value in one.items():
        np.testing.assert_array_equal(value, many[key])
        np.testing.assert_array_equal(value, eager[key])


def test_weights_regrow_from_just_updated_values():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, use_bias=False)])
    kernel = model.layers[0].kernel
    kernel.assign([[4.0], [3.0], [0.1], [0.2]])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    pruner = Pruner(Unstructured(), Constant(0.5, frequency=1)).attach(model)
    assert kernel.numpy().ravel().tolist() == [4, 3, 0, 0]
    # Only the third input is on, and wants a large weight: its dense gradient brings it back.
    model.train_on_batch(np.float32([[0, 0, 1, 0]]), np.float32([[5]]))
    assert kernel.numpy().ravel().tolist() == [4, 0, 10, 0]
    assert pruner.step == 1


@pytest.mark.parametrize("score", [None, Taylor()])
def test_gradient_accumulation_counts_updates(score):
    keras.utils.set_random_seed(0)
    model = sequential()
    model.compile(keras.optimizers.SGD(0.1, gradient_accumulation_steps=3), "mse")
    pruner = Pruner(Unstructured(), Constant(0.5, begin_step=2, frequency=2), score).attach(model)
    watch = Watch(pruner)
    model.fit(*data(48), batch_size=8, epochs=2, verbose=0, callbacks=[pruner.callback(), watch])
    assert [step for step, _ in watch.seen] == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    assert [sparsity for _, sparsity in watch.seen] == [0.0] * 5 + [0.5] * 7


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
@pytest.mark.parametrize("score", [None, Taylor()])
def test_precision_policies_survive(policy, score):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(8, 3, dtype=policy),
            layers.Flatten(),
            layers.Dense(5, dtype="float32", activity_regularizer="l2"),
        ]
    )
    optimizer = keras.optimizers.SGD(0.01)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, "mse")
    pruner = Pruner(Unstructured(), SCHEDULE, score).attach(model)
    model.fit(*data(), batch_size=16, epochs=3, verbose=0, callbacks=[pruner.callback()])
    assert pruner.step == 12
    assert assert_sparse(pruner) == pytest.approx(0.8, abs=1e-3)
    assert model.layers[0].dtype_policy.name == policy
    assert model.layers[-1].compute_dtype == "float32"
    assert len(model.losses) == 1
    pruner.detach()


def test_steps_with_infinite_gradients_are_not_counted():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), "mse")
    pruner = Pruner(Unstructured(), Constant(0.5, begin_step=1, frequency=1)).attach(model)
    model.train_on_batch(np.full((2, 4), np.inf, np.float32), np.zeros((2, 3), np.float32))
    assert pruner.step == 0
    model.train_on_batch(np.ones((2, 4), np.float32), np.zeros((2, 3), np.float32))
    assert pruner.step == 1


def test_masks_of_mask_zero_and_recurrent_layers_survive():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((7,), dtype="int32"),
            layers.Embedding(12, 8, mask_zero=True),
            layers.Bidirectional(layers.LSTM(6)),
            layers.Dense(2),
        ]
    )
    model.compile("adam", "mse")
    pruner = Pruner(NM(1, 4), Constant(0.75, frequency=2)).attach(model)
    words = np.random.default_rng(0).integers(1, 12, (16, 7))
    padded = np.concatenate([words[:, :4], np.zeros((16, 3), int)], axis=1)
    model.fit(padded, np.ones((16, 2)), verbose=0, callbacks=[pruner.callback()])
    assert_sparse(pruner)
    short, long = (model.predict(x, verbose=0) for x in (words[:, :4], padded))
    np.testing.assert_allclose(short, long, atol=1e-5)  # padding is still masked


@pytest.mark.parametrize("graph", [True, False])
@pytest.mark.parametrize("score", [None, Taylor()])
def test_custom_training_loops(graph, score):
    """Attach, then trace; the optimizer does the rest."""
    keras.utils.set_random_seed(0)
    model, optimizer = functional(), keras.optimizers.Adam(0.01)
    pruner = Pruner(Unstructured(), SCHEDULE, score).attach(model, optimizer=optimizer)

    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    step = tf.function(step) if graph else step
    optimizer.build(model.trainable_variables)
    x, y = data(16)
    for done in range(1, 13):
        step(x, y)
        assert pruner.step == done
        assert_sparse(pruner)
    assert pruner.summary().sparsity == pytest.approx(0.8, abs=2e-3)
    pruner.detach(model)
    assert "apply" not in vars(optimizer)


def test_autograph_leaves_the_pruner_alone(monkeypatch):
    class Bare(Method):
        uses_gradients = True

        def restore(self, weight):
            """Nothing but a docstring, which AutoGraph cannot rewrite."""

    said = []
    monkeypatch.setattr(tf.get_logger(), "handle", lambda record: said.append(record.getMessage()))
    model, optimizer = sequential(), keras.optimizers.SGD(0.01)
    optimizer.build(model.trainable_variables)
    pruner = Pruner(Unstructured(), Constant(0.5), method=Bare()).attach(model, optimizer)

    @tf.function
    def step():
        optimizer.apply([tf.ones(v.shape) for v in model.trainable_variables])

    step()
    assert pruner.step == 1
    assert not [text for text in said if "AutoGraph could not" in text and "Bare" in text]


def test_two_updates_traced_into_one_graph_count_two():
    model, optimizer = sequential(), keras.optimizers.SGD(0.01)
    pruner = Pruner(Unstructured(), Constant(0.5, frequency=3)).attach(model)
    optimizer.build(model.trainable_variables)

    @tf.function
    def two_steps():
        for _ in range(2):
            optimizer.apply([tf.ones(v.shape) for v in model.trainable_variables])

    two_steps()
    two_steps()
    assert pruner.step == 4


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("method", [None, StraightThrough()])
def test_a_weight_that_the_loss_does_not_reach_is_on_its_mask(method):
    # Keras calls the constraints only of variables that have a gradient.
    x = keras.Input((8,))
    hidden = layers.Dense(16, name="hidden")(x)
    model = keras.Model(x, [layers.Dense(4, name=name)(hidden) for name in ("used", "idle")])
    model.compile("sgd", loss=["mse", None])
    pruner = Pruner(Unstructured(), Polynomial(0.2, 0.8, 0, 4, frequency=1), method=method)
    pruner.attach(model)
    x, y = np.ones((2, 8), np.float32), np.ones((2, 4), np.float32)
    for _ in range(4):
        model.train_on_batch(x, [y, y])
        kept = [weight.count() for weight in weights(pruner)]
        assert [np.count_nonzero(weight.variable.numpy()) for weight in weights(pruner)] == kept
    assert pruner.summary().sparsity == pytest.approx(0.8, abs=2e-3)


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize("first", [0, 1])
def test_one_of_two_pruners_that_follow_gradients_leaves(first, eager):
    model = sequential()
    model.compile(keras.optimizers.SGD(0.01), "mse", run_eagerly=eager)
    schedule = Constant(0.5, begin_step=1, frequency=1)
    pruners = [
        Pruner(Unstructured(), schedule, Taylor(), scope=ByName(name)).attach(model)
        for name in ("conv", "head")
    ]
    model.train_on_batch(*data(16))
    pruners.pop(first).detach()
    (stays,) = pruners
    before = stays.get_state()["taylor/0000"]
    model.train_on_batch(*data(16))
    assert stays.step == 2
    assert (stays.get_state()["taylor/0000"] != before).any()
    stays.detach()
    assert "apply" not in vars(model.optimizer)


@pytest.mark.parametrize("eager", [True, False])
def test_gradients_of_an_optimizer_that_is_not_followed_are_missed(eager):
    model = sequential()
    model.compile("sgd", "mse", run_eagerly=eager)
    Pruner(Unstructured(), Constant(0.5, 1), Taylor()).attach(model)
    model.train_on_batch(*data(16))
    model.compile("sgd", "mse", run_eagerly=eager)
    with pytest.raises(PruningError, match="optimizer's are not seen"):
        model.train_on_batch(*data(16))


def test_update_refuses_scores_of_gradients_it_does_not_see():
    pruner = Pruner(Unstructured(), Constant(0.5, 1), Taylor()).attach(sequential())
    with pytest.raises(PruningError, match=r"update.. sees no gradients"):
        pruner.update()


@pytest.mark.parametrize("graph", [True, False])
def test_update_serves_loops_without_a_keras_optimizer(graph):
    model = sequential()
    pruner = Pruner(Unstructured(), SCHEDULE).attach(model)

    def step():
        for variable in model.trainable_variables:
            variable.assign_sub(0.01 * tf.ones(variable.shape))
        pruner.update()

    step = tf.function(step) if graph else step
    for _ in range(10):
        step()
        assert_sparse(pruner)
    assert pruner.step == 10
    assert pruner.summary().sparsity == pytest.approx(0.8, abs=2e-3)
    pruner.update(step=20)
    assert pruner.step == 20


def test_train_step_overrides_and_two_optimizers():
    class Twice(keras.Sequential):
        def train_step(self, batch):
            x, y = batch
            for _ in range(2):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean(tf.square(self(x, training=True) - y))
                gradients = tape.gradient(loss, self.trainable_variables)
                self.optimizer.apply(gradients, self.trainable_variables)
            return {"loss": loss}

    model = Twice([keras.Input((6, 6, 2)), *blocks()])
    model.compile("sgd")
    pruner = Pruner(Unstructured(), SCHEDULE).attach(model)
    model.fit(*data(), batch_size=16, epochs=1, verbose=0)
    assert pruner.step == 8
    assert_sparse(pruner)


def test_n_of_m_trains_under_xla():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16), layers.Dense(5)])
    model.compile("sgd", "mse", jit_compile=True)
    pruner = Pruner(NM(2, 4), Constant(0.5, begin_step=1, frequency=2)).attach(model)
    x = np.random.default_rng(0).standard_normal((32, 8)).astype(np.float32)
    model.fit(x, x[:, :5], batch_size=8, verbose=0, callbacks=[pruner.callback()])
    assert assert_sparse(pruner) == 0.5


def test_other_patterns_refuse_xla_before_training():
    model = sequential()
    pruner = Pruner(Unstructured(), SCHEDULE).attach(model)
    model.compile("sgd", "mse", jit_compile=True)
    with pytest.raises(PruningError, match="jit_compile=False"):
        model.fit(*data(16), verbose=0, callbacks=[pruner.callback()])
    pruner.detach()
    with pytest.raises(PruningError, match="jit_compile=False"):
        pruner.attach(model)
    assert not pruner.attached


def test_averaged_weights_stay_sparse():
    model = sequential()
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    pruner = Pruner(Unstructured(), SCHEDULE).attach(model)
    model.fit(*data(), batch_size=16, epochs=3, verbose=0, callbacks=[pruner.callback()])
    assert assert_sparse(pruner) == pytest.approx(0.8, abs=2e-3)


def test_attaching_after_a_fit_is_not_lost_in_an_old_trace():
    model = sequential()
    model.compile("sgd", "mse")
    model.fit(*data(16), verbose=0)
    pruner = Pruner(Unstructured(), Constant(0.5, frequency=1)).attach(model)
    model.fit(*data(16), verbose=0)
    assert pruner.step == 1
    assert assert_sparse(pruner) == 0.5


def test_compiling_after_attaching_is_followed():
    model = sequential()
    pruner = Pruner(Unstructured(), SCHEDULE, Taylor()).attach(model)
    optimizers = []
    for _ in range(2):
        model.compile("adam", "mse")
        model.fit(*data(), batch_size=16, epochs=2, verbose=0, callbacks=[pruner.callback()])
        optimizers.append(model.optimizer)
    assert pruner.step == 16
    assert ["apply" in vars(optimizer) for optimizer in optimizers] == [False, True]
    assert assert_sparse(pruner) == pytest.approx(0.8, abs=2e-3)


def test_weights_loaded_between_attach_and_fit_are_pruned_by_their_own_values():
    model = sequential()
    model.compile("sgd", "mse")
    pruner = Pruner(Unstructured(), OneShot(0.5)).attach(model)
    loaded = np.random.default_rng(5).standard_normal(model.layers[0].kernel.shape)
    model.layers[0].kernel.assign(loaded)
    model.fit(*data(16), verbose=0, callbacks=[pruner.callback()])
    mask = weights(pruner)[0].mask.numpy()
    assert np.abs(loaded)[mask].min() >= np.abs(loaded)[~mask].max()


def test_nan_at_a_refresh_names_the_weight():
    model = sequential()
    model.compile("sgd", "mse")
    pruner = Pruner(Unstructured(), Constant(0.5, frequency=1)).attach(model)
    x, y = data(16)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"NaN in the scores of.*kernel"):
        model.fit(x * np.nan, y, verbose=0, callbacks=[pruner.callback()])


# --- what tfmot's users were surprised by -----------------------------------------------------


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


# --- resuming -----------------------------------------------------------------------------------


@pytest.mark.parametrize("score", [None, Taylor()])
@pytest.mark.parametrize("whole_model", [True, False])
def test_resuming_gives_the_same_bits(tmp_path, score, whole_model):
    def batches(first, last):
        x, y = data(16 * 12)
        return x[16 * first : 16 * last], y[16 * first : 16 * last]

    def fit(model, pruner, first, last):
        options = {"batch_size": 16, "shuffle": False, "verbose": 0}
        model.fit(*batches(first, last), callbacks=[pruner.callback()], **options)

    def start():
        keras.utils.set_random_seed(0)
        model = sequential()
        model.compile(keras.optimizers.Adam(0.01), "mse")
        return model, Pruner(Unstructured(), SCHEDULE, score)

    through, pruner = start()
    pruner.attach(through)
    fit(through, pruner, 0, 12)
    wanted = pruner.get_state()

    model, pruner = start()
    pruner.attach(model)
    with pytest.warns(PruningWarning):
        fit(model, pruner, 0, 6)
    pruner.save(tmp_path / "pruner.npz")
    if whole_model:
        model.save(tmp_path / "model.keras")
        resumed = keras.models.load_model(tmp_path / "model.keras")
    else:
        model.save_weights(tmp_path / "model.weights.h5")
        resumed, _ = start()
        resumed.optimizer.build(resumed.trainable_variables)
        resumed.load_weights(tmp_path / "model.weights.h5")
        for own, saved in zip(resumed.optimizer.variables, model.optimizer.variables, strict=True):
            own.assign(saved)
    again = Pruner(Unstructured(), SCHEDULE, score)
    again.attach(resumed, state=tmp_path / "pruner.npz")
    assert again.step == 6
    fit(resumed, again, 6, 12)
    for ours, theirs in zip(resumed.get_weights(), through.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    found = again.get_state()
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(value, found[name])


def test_a_method_may_change_weights_at_a_refresh():
    class Zeroing(Method):
        def refresh(self, weight, pattern, scores, kept, gradient, step):
            weight.variable.assign(tf.zeros(weight.shape))
            return tf.ones(weight.shape, tf.bool)

    model = sequential()
    model.compile("sgd", "mse")
    pruner = Pruner(Unstructured(), OneShot(0.5, step=2), method=Zeroing()).attach(model)
    model.train_on_batch(*data(16))
    assert np.count_nonzero(model.get_layer("head").kernel.numpy())
    model.train_on_batch(*data(16))
    for weight in weights(pruner):
        assert not np.count_nonzero(weight.variable.numpy())
