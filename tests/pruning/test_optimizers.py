"""Optimizers in shells: what is counted, and what is forgotten, goes by who updates a weight."""

import keras
import numpy as np
import pytest

from harness.pruning import (
    ByName,
    Constant,
    Pruner,
    PruningError,
    Random,
    RigL,
    Taylor,
    Unstructured,
)
from harness.pruning.optimizers import accumulation, average_of, member_of, members, updates
from tests.pruning.small_models import Watch, perceptron, vectors, zeros

SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam


def multi(hidden, head):
    by_path = keras.optimizers.OptimizerMap(head, {".*hidden.*": hidden})
    return keras.optimizers.MultiOptimizer(by_path)


def accumulating(hidden, head):
    return multi(
        Adam(0.01, gradient_accumulation_steps=hidden), SGD(0.01, gradient_accumulation_steps=head)
    )


def fit(model, *callbacks, epochs=4):
    model.fit(*vectors(), batch_size=16, epochs=epochs, verbose=0, callbacks=list(callbacks))


class TestMembers:
    def test_each_variable_is_its_optimizers(self):
        model = perceptron()
        first, second = Adam(use_ema=True), SGD()
        shell = keras.optimizers.LossScaleOptimizer(multi(first, second))
        hidden, head = (model.get_layer(name).kernel for name in ("hidden", "head"))
        assert members(shell) == [first, second]
        assert member_of(shell, hidden) is None  # not built
        shell.build(model.trainable_variables)
        assert (member_of(shell, hidden), member_of(shell, head)) == (first, second)
        assert tuple(average_of(shell, hidden).shape) == (16, 32)
        assert average_of(shell, head) is None
        assert members(None) == []
        assert updates(None, [hidden]) is None

    def test_optimizers_that_disagree_are_no_matter_where_nothing_is_pruned(self):
        model = perceptron()
        optimizer = accumulating(4, None)
        optimizer.build(model.trainable_variables)
        hidden, head = (model.get_layer(name).kernel for name in ("hidden", "head"))
        assert accumulation(optimizer, [hidden]) == 4
        assert accumulation(optimizer, [head]) == 1
        with pytest.raises(PruningError, match=r"adam.*: 4, sgd.*: 1.*a Pruner each"):
            accumulation(optimizer, [hidden, head])


@pytest.mark.parametrize("score", [None, Taylor()])
@pytest.mark.parametrize("shell", [lambda inner: inner, keras.optimizers.LossScaleOptimizer])
def test_accumulation_inside_is_counted(shell, score):
    model = perceptron()
    model.compile(shell(accumulating(4, 4)), "mse")
    pruner = Pruner(Unstructured(), Constant(0.5, 2, 8, frequency=2), score).attach(model)
    watch = Watch(pruner)
    fit(model, pruner.callback(), watch)
    assert [step for step, _ in watch.seen] == [batch // 4 for batch in range(1, 33)]
    assert [sparsity for _, sparsity in watch.seen] == [0.0] * 7 + [0.5] * 25


def test_accumulation_that_differs_is_refused_before_training():
    model = perceptron()
    model.compile(accumulating(4, 2), "mse")
    pruner = Pruner(Unstructured(), Constant(0.5, end_step=4)).attach(model)
    with pytest.raises(PruningError, match="different numbers of batches"):
        fit(model)
    four, two = Adam(gradient_accumulation_steps=4), SGD(gradient_accumulation_steps=2)
    model.compile(
        keras.optimizers.MultiOptimizer(lambda v: four if "hidden" in v.path else two), "mse"
    )
    with pytest.raises(PruningError, match="different numbers of batches"):
        fit(model)
    assert pruner.step == 0


def test_a_pruner_each_counts_for_itself():
    model = perceptron()
    model.compile(accumulating(4, 2), "mse")
    pruners = {
        name: Pruner(Unstructured(), Constant(0.5, end_step=8), scope=ByName(name))
        for name in ("hidden", "head")
    }
    for pruner in pruners.values():
        pruner.attach(model)
    fit(model, *(pruner.callback() for pruner in pruners.values()))
    assert {name: pruner.step for name, pruner in pruners.items()} == {"hidden": 8, "head": 16}


def test_weights_of_several_optimizers_are_sparse_after_every_update():
    model = perceptron()
    model.compile(multi(Adam(0.01), SGD(0.1, momentum=0.9)), "mse")
    pruner = Pruner(Unstructured(), Constant(0.8, 0, 32, frequency=3)).attach(model)
    watch = Watch(pruner)
    fit(model, pruner.callback(), watch)
    assert pruner.step == 32
    assert [sparsity for _, sparsity in watch.seen] == pytest.approx([0.8] * 32, abs=1e-3)
    assert zeros(model) == pytest.approx(0.8, abs=1e-3)


#: Optimizer -> its slots and what each begins with.
SLOTS = {
    "momentum": (lambda: SGD(0.05, momentum=0.95), {"momentums": 0}),
    "Adam": (lambda: Adam(0.02), {"_momentums": 0, "_velocities": 0}),
    "AdamW": (lambda: keras.optimizers.AdamW(0.02), {"_momentums": 0, "_velocities": 0}),
    "AMSGrad": (lambda: Adam(0.02, amsgrad=True), {"_velocity_hats": 0}),
    "RMSprop": (
        lambda: keras.optimizers.RMSprop(0.01, momentum=0.9, centered=True),
        {"_velocities": 0, "_momentums": 0, "_average_gradients": 0},
    ),
    "Adagrad": (lambda: keras.optimizers.Adagrad(0.05), {"_accumulators": 0.1}),
    "Ftrl": (lambda: keras.optimizers.Ftrl(0.05), {"_accumulators": 0.1, "_linears": 0}),
    "Lion": (lambda: keras.optimizers.Lion(0.01), {"_momentums": 0}),
    "averaged": (lambda: Adam(0.02, use_ema=True), {"_model_variables_moving_average": 0}),
}
SHELLS = {
    "plain": lambda inner: inner,
    "loss scale": keras.optimizers.LossScaleOptimizer,
    "multi": lambda inner: multi(inner, SGD(0.01)),
}


class TestMoments:
    """RigL: what an optimizer has learned about a weight is forgotten when it is grown anew."""

    @pytest.mark.parametrize(
        ("name", "shell"),
        [*((name, "plain") for name in SLOTS), ("Adam", "loss scale"), ("Adam", "multi")],
    )
    def test_start_over(self, name, shell):
        make, slots = SLOTS[name]
        inner = make()
        model = perceptron()
        model.compile(SHELLS[shell](inner), "mse")
        pruner = Pruner(
            Unstructured(),
            Constant(0.5, 0, 1000, frequency=2),
            score=Random(seed=5),
            method=RigL(end_step=1000, alpha=0.8),
            scope=ByName("hidden"),
        ).attach(model)
        (weight,) = pruner.engine.weights
        batch = [array[:32] for array in vectors()]
        left, returned = np.zeros(weight.shape, bool), 0
        for step in range(1, 13):
            before = weight.mask.numpy()
            model.train_on_batch(*batch)
            grown = weight.mask.numpy() & ~before
            left |= before & ~weight.mask.numpy()
            returned += (grown & left).sum()
            assert grown.any() == (step % 2 == 0)
            np.testing.assert_array_equal(weight.variable.numpy()[grown], 0)
            place = inner._get_variable_index(weight.variable)
            for attribute, fresh in slots.items():
                slot = getattr(inner, attribute)[place].numpy()
                np.testing.assert_array_equal(slot[grown], np.float32(fresh))
                assert (slot[before & weight.mask.numpy()] != fresh).any()  # others go on
        assert returned  # weights that had been there before, and had moments

    @pytest.mark.parametrize("make", [lambda: SGD(0.05, momentum=0.95), lambda: Adam(0.02)])
    def test_other_methods_leave_them(self, make):
        model = perceptron()
        model.compile(make(), "mse")
        Pruner(Unstructured(), Constant(0.5, 0, 8, frequency=1)).attach(model)
        plain = perceptron()
        plain.compile(make(), "mse")
        plain.set_weights(model.get_weights())
        batch = [array[:32] for array in vectors()]
        for net in (model, plain):
            net.train_on_batch(*batch)
        for ours, theirs in zip(model.optimizer.variables, plain.optimizer.variables, strict=True):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
