"""Averages of the weights (`use_ema`): on the mask wherever they are swapped in."""

import keras
import numpy as np
import pytest

from harness.pruning import Constant, OneShot, Polynomial, Pruner, StraightThrough, Unstructured
from tests.pruning.small_models import perceptron, vectors, weights, zeros

SCHEDULE = Polynomial(0.0, 0.9, 0, 24, frequency=4)


def averaging(momentum=0.9, **options):
    return keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=momentum, **options)


def multi(**options):
    """The hidden layer's optimizer averages, the head's does not."""
    by_path = {".*hidden.*": averaging(**options)}
    return keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.01), by_path)
    )


def multi_by_function():
    hidden, head = averaging(), keras.optimizers.SGD(0.01)
    return keras.optimizers.MultiOptimizer(lambda v: hidden if "hidden" in v.path else head)


SHELLS = {
    "plain": averaging,
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(averaging()),
    "multi": multi,
    "multi by function": multi_by_function,
    "loss scale of multi": lambda: keras.optimizers.LossScaleOptimizer(multi()),
}


class Look(keras.callbacks.Callback):
    """The zeros that validation sees."""

    def __init__(self, pruner):
        super().__init__()
        self.pruner, self.seen, self.masks = pruner, [], []

    def on_test_batch_begin(self, batch, logs=None):
        counts = [weight.count() for weight in weights(self.pruner)]
        self.masks.append(1 - sum(counts) / 640)
        self.seen.append(zeros(self.model))


def fit(model, callbacks, epochs=4, **options):
    x, y = vectors()
    options = {"validation_data": (x[:32], y[:32]), "batch_size": 16, "verbose": 0} | options
    model.fit(x, y, epochs=epochs, callbacks=callbacks, **options)


@pytest.mark.parametrize(
    ("shell", "order"), [*((shell, 1) for shell in SHELLS), ("plain", -1)], ids=str
)
def test_swapped_in_for_validation_and_checkpoints(tmp_path, shell, order):
    model = perceptron()
    model.compile(SHELLS[shell](), "mse")
    pruner = Pruner(Unstructured(), SCHEDULE).attach(model)
    look = Look(pruner)
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    path = str(tmp_path / "{epoch}.weights.h5")
    checkpoint = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    fit(model, [*[swap, pruner.callback()][::order], checkpoint, look])
    assert len(look.seen) == 8
    assert look.seen == look.masks
    assert look.masks[-1] == pytest.approx(0.9, abs=1e-3)
    for epoch, sparsity in ((1, look.masks[1]), (4, 0.9)):
        copy = perceptron(1)
        copy.load_weights(tmp_path / f"{epoch}.weights.h5")
        assert zeros(copy) == pytest.approx(sparsity, abs=1e-3)
    assert pruner.summary().sparsity == zeros(model) == pytest.approx(0.9, abs=1e-3)
    assert model.evaluate(*vectors(), verbose=0, callbacks=[swap, look]) < 1.5
    assert look.seen[-1] == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize(
    ("shell", "method", "with_callback"),
    [
        ("plain", None, True),
        ("plain", None, False),
        ("plain", StraightThrough(), False),
        ("multi", None, False),
        ("loss scale of multi", StraightThrough(), True),
    ],
)
def test_the_averages_that_fit_ends_with(shell, method, with_callback):
    model = perceptron()
    model.compile(SHELLS[shell](), "mse")
    pruner = Pruner(Unstructured(), SCHEDULE, method=method).attach(model)
    fit(model, [pruner.callback()] if with_callback else [])
    assert pruner.summary().sparsity == zeros(model) == pytest.approx(0.9, abs=1e-3)


def test_overwritten_in_the_middle_of_a_training():
    model = perceptron()
    model.compile(averaging(ema_overwrite_frequency=3), "mse")
    pruner = Pruner(Unstructured(), SCHEDULE).attach(model)
    look = Look(pruner)
    fit(model, [look])
    assert look.seen == look.masks


def test_an_average_is_that_of_the_sparse_weights():
    model = perceptron()
    momentum = 0.5
    model.compile(keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=momentum), "mse")
    pruner = Pruner(Unstructured(), OneShot(0.8)).attach(model)
    kernel = model.get_layer("hidden").kernel
    wanted = None
    for _ in range(6):
        model.train_on_batch(*(array[:16] for array in vectors()))
        value = kernel.numpy()
        wanted = value if wanted is None else momentum * wanted + (1 - momentum) * value
    model.optimizer.finalize_variable_values(model.trainable_variables)  # as a loop of one's own
    assert pruner.summary().off_mask == 0
    np.testing.assert_allclose(kernel.numpy(), wanted, rtol=1e-5, atol=1e-7)


def test_the_average_of_a_weight_that_returns_begins_at_its_value():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, use_bias=False)])
    kernel = model.layers[0].kernel
    kernel.assign([[4.0], [3.0], [0.1], [0.2]])
    model.compile(keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.75), "mse")
    Pruner(Unstructured(), Constant(0.5, frequency=1)).attach(model)
    one = np.float32([[1, 0, 0, 0]])
    model.train_on_batch(one, np.float32([[4]]))  # nothing to learn: averages begin
    # Only the third input is on, and wants a large weight: it comes back at 10.
    model.train_on_batch(np.float32([[0, 0, 1, 0]]), np.float32([[5]]))
    assert kernel.numpy().ravel().tolist() == [4, 0, 10, 0]
    (average,) = model.optimizer._model_variables_moving_average
    assert average.numpy().ravel().tolist() == [4, 0, 10, 0]
