"""Custom training loops, gradients, several optimizers and pruners on one model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from harness.pruning import (
    ByName,
    Constant,
    Method,
    Polynomial,
    Pruner,
    PruningError,
    StraightThrough,
    Taylor,
    Unstructured,
)
from tests.pruning.small_models import (
    SCHEDULE,
    assert_sparse,
    blocks,
    data,
    functional,
    sequential,
    weights,
)


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
