"""The training loop: segments, metrics, progress, and what it refuses."""

import keras
import numpy as np
import pytest

from harness.errors import ConfigError
from harness.training import loop, recipe, seeds
from harness.training.checkpoint import Checkpoint
from harness.training.errors import TrainingError
from tests.training import small


def fit(model=None, phase=None, training=None, **options):
    model = model or small.model()
    options = {"seed": 1} | options
    phase, training = phase or small.phase(), training or small.recipe()
    return loop.fit(model, small.data(), phase, training, **options)


def test_it_learns_and_tells_what_happened():
    logged, seen = [], []
    seeds.seed_everything(1)
    result = fit(
        phase=small.phase(epochs=6),
        on_log=lambda step, metrics: logged.append((step, metrics)),
        on_progress=seen.append,
    )
    assert result.steps == 30, "44 examples fill 5 batches of 8 an epoch"
    assert result.history[-1]["train/loss"] < 0.5 * result.history[0]["train/loss"]
    assert [record["step"] for record in result.history] == [5, 10, 15, 20, 25, 30]
    assert result.validation.keys() == {"val/loss", "val/accuracy"}
    assert result.seconds > 0
    assert result.validating > 0
    assert result.step_ms > 0

    train = [step for step, metrics in logged if "train/loss" in metrics]
    assert train == list(range(2, 31, 2))
    assert [step for step, metrics in logged if "val/loss" in metrics] == [5, 10, 15, 20, 25, 30]
    assert logged[0][1].keys() == {"train/loss", "train/accuracy", "train/learning_rate"}
    assert all(type(value) is float for _, metrics in logged for value in metrics.values())

    last = seen[-1]
    assert (last.step, last.total_steps, last.epoch, last.total_epochs) == (30, 30, 6, 6)
    assert {"train/loss", "val/accuracy"} <= last.metrics.keys()


def losses_of_every_step(**options):
    """The loss of each step, by Keras alone on the same batches and the same dropout."""
    seeds.seed_everything(3)
    model = small.model()
    seeds.reseed(model, seeds.derive(1, "layers"))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    batches = small.data().train(8, seeds.derive(1, "order"))
    found = []
    for x, y in batches.take(15):
        model.reset_metrics()
        found.append(float(model.train_on_batch(x, y)))
    return found


def test_logged_values_are_means_of_the_steps_since_the_last():
    logged = {}
    seeds.seed_everything(3)
    result = fit(
        model=small.model(),
        training=small.recipe(log_every=3),
        on_log=lambda step, metrics: logged.setdefault(step, {}).update(metrics),
    )
    steps = losses_of_every_step()
    assert logged[3]["train/loss"] == pytest.approx(np.mean(steps[0:3]), rel=1e-4)
    # A segment ended at step 5: the mean starts anew there.
    assert logged[6]["train/loss"] == pytest.approx(np.mean(steps[5:6]), rel=1e-4)
    assert logged[9]["train/loss"] == pytest.approx(np.mean(steps[6:9]), rel=1e-4)
    assert result.history[0]["train/loss"] == pytest.approx(np.mean(steps[0:5]), rel=1e-4)


def test_short_segments_are_logged_once():
    logged = []
    fit(
        phase=small.phase(epochs=None, steps=3),
        training=small.recipe(log_every=100),
        on_log=lambda step, metrics: logged.append((step, sorted(metrics))),
    )
    assert [step for step, _ in logged] == [3, 3]


def weights(**options):
    seeds.seed_everything(2)
    model = small.model()
    fit(model=model, **options)
    return np.concatenate([value.ravel() for value in model.get_weights()])


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    first = weights(seed=1)
    np.testing.assert_array_equal(first, weights(seed=1))
    assert not np.array_equal(first, weights(seed=2))


def test_what_is_observed_does_not_change_the_result(tmp_path):
    plain = weights()
    every = small.recipe(checkpoint_epochs=0.4, log_every=1)
    np.testing.assert_array_equal(
        plain, weights(training=every, checkpoint=Checkpoint(tmp_path / "state"))
    )


def test_a_finished_phase_is_not_trained_again(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state")
    first = fit(checkpoint=checkpoint)
    logged = []
    again = fit(checkpoint=checkpoint, on_log=lambda *entry: logged.append(entry))
    assert (again.history, again.steps) == (first.history, first.steps)
    assert not logged


def test_logs_are_flushed_before_each_checkpoint(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state")
    saved_at_flush = []

    def flush():
        state = checkpoint.load()
        saved_at_flush.append(state.step if state else 0)

    fit(checkpoint=checkpoint, before_checkpoint=flush)
    assert saved_at_flush == [0, 5, 10]


def test_the_schedule_is_logged_as_run():
    logged = []
    model = small.model()
    pruner = small.StubPruner(model.layers[-3].kernel)
    fit(model=model, pruner=pruner, on_log=lambda step, metrics: logged.append((step, metrics)))
    told = {step: m for step, m in logged if "train/loss" in m}
    assert all(m["sparsity/scheduled"] == 0.5 for m in told.values())
    assert [told[step]["sparsity/reached"] for step in (2, 4)] == [
        0.0,
        pytest.approx(0.5, abs=0.01),
    ]


def test_the_pruner_goes_on_from_its_state(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state")
    model = small.model()
    pruner = small.StubPruner(model.layers[-3].kernel)
    fit(model=model, pruner=pruner, checkpoint=checkpoint)
    later = small.model()
    resumed = small.StubPruner(later.layers[-3].kernel)
    fit(model=later, pruner=resumed, checkpoint=checkpoint)
    assert resumed.steps == 15
    np.testing.assert_array_equal(resumed.mask, pruner.mask)
    assert (later.layers[-3].kernel.numpy() == 0).mean() == pytest.approx(0.5, abs=0.01)


def test_a_diverging_loss_is_refused():
    phase = small.phase()
    phase.optimizer.name, phase.optimizer.learning_rate = "sgd", 1e30
    with pytest.raises(TrainingError, match=r"training diverged: the loss is (nan|inf) by step"):
        fit(phase=phase)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state")
    fit(checkpoint=checkpoint)
    other = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    with pytest.raises(TrainingError, match=r"checkpoint of another model.*delete it"):
        fit(model=other, checkpoint=checkpoint)


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ConfigError, match=r"training\.batch_size=64.*44 training examples"):
        fit(training=small.recipe(batch_size=64))


def test_callbacks_are_told_the_length_of_the_whole_phase():
    """A pruner compares it with its schedule."""
    told = []

    class Listen(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            told.append((epoch, self.params["epochs"], self.params["steps"]))

    pruner = small.StubPruner(small.model().layers[-3].kernel)
    pruner.callback = Listen
    fit(phase=small.phase(epochs=None, steps=13), pruner=pruner)
    assert told == [(0, 3, 5), (1, 3, 5), (2, 3, 3)]


def test_mixed_precision_resumes_too(tmp_path):
    finished = []
    for name in ("whole", "stopped", "stopped"):
        seeds.seed_everything(2)
        with recipe.precision(True):
            model = small.model()

        def stop(step, metrics, name=name):
            if name == "stopped" and step == 8 and len(finished) == 1:
                finished.append(None)
                raise InterruptedError

        checkpoint = Checkpoint(tmp_path / name)
        try:
            fit(model=model, checkpoint=checkpoint, on_log=stop)
        except InterruptedError:
            continue
        finished.append(model.get_weights())
    whole, _, resumed = finished
    for ours, theirs in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(ours, theirs)
