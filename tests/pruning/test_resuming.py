"""Training that stops and goes on to the same bits."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.pruning import Method, OneShot, Pruner, PruningWarning, Taylor, Unstructured
from tests.pruning.small_models import SCHEDULE, data, sequential, weights


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
