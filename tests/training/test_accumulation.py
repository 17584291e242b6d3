"""A batch in parts trains as a whole one does; steps in one execution, as one by one."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.pruning import Polynomial, Pruner, Unstructured
from harness.training import loop, recipe, seeds
from harness.training.accumulation import RateOfUpdates, by_replica, in_parts
from harness.training.checkpoint import Checkpoint
from harness.training.decay.exponential import ExponentialDecayOptions
from harness.training.optimizer.adam import AdamOptions
from harness.training.options import PhaseOptions
from tests.rounding import in_float64
from tests.training import small


@pytest.fixture(autouse=True)
def exact():
    """Losses in float64, too."""
    keras.config.dtype_policy()  # asked for the first time below, it would stay of float64
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


def plain():
    """A net of nothing that sees more than one example at once, or draws."""
    layers = keras.layers
    parts = [layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(2)]
    return in_float64(keras.Sequential([keras.Input((6, 6, 1)), *parts]))


def trained(build=small.model, **options):
    seeds.seed_everything(3)
    model = build()
    pruner = Pruner(Unstructured(), Polynomial(0.2, 0.7, 2, 9, frequency=3)).attach(model)
    adam, decay = (
        AdamOptions(learning_rate=0.02, clip_norm=0.5),
        ExponentialDecayOptions(rate=0.3, every=1),
    )
    phase, logged = PhaseOptions(epochs=None, steps=13, optimizer=adam, decay=decay), []
    checkpoint = options.pop("checkpoint", None)
    fitted = loop.fit(
        model, small.data(), phase, small.recipe(log_every=3, **options), seed=5, pruner=pruner,
        checkpoint=checkpoint, on_log=lambda step, metrics: logged.append((step, metrics)),
    )  # fmt: skip
    return fitted, logged, model.get_weights(), pruner


def test_parts_make_the_update_of_the_whole_batch():
    """Learning rate, clipping, masks and what is logged go by updates."""
    whole, parts = trained(plain), trained(plain, gradient_accumulation=4)
    assert parts[0].steps == whole[0].steps == parts[3].step == 13
    for ours, theirs in zip(parts[2], whole[2], strict=True):
        np.testing.assert_array_equal(ours != 0, theirs != 0)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
    assert [step for step, _ in parts[1]] == [step for step, _ in whole[1]]
    for (_, ours), (_, theirs) in zip(parts[1], whole[1], strict=True):
        assert ours == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize(
    ("run", "options"),
    [pytest.param(2, {}, marks=pytest.mark.slow), (4, {"gradient_accumulation": 2})],
)
def test_an_execution_of_several_steps_ends_as_they_do_one_by_one(run, options):
    """Segments of 5, 5 and 3 steps, which no execution divides."""
    single = trained(**options)
    several = trained(steps_per_execution=run, **options)
    for ours, theirs in zip(several[2], single[2], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [one["step"] for one in several[0].history] == [5, 10, 13]
    for ours, theirs in zip(several[0].history, single[0].history, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)
    assert several[1][-1] == (13, pytest.approx(single[1][-1][1], rel=1e-6))


@pytest.mark.parametrize("compiled", ["never", pytest.param("always", marks=pytest.mark.slow)])
def test_a_scaled_loss_skips_a_batch_of_which_a_part_overflows(compiled):
    """Its own update and no other; those that follow come at the ends of batches, as masks do."""
    keras.config.set_floatx("float32")
    examples = small.data(16)  # two batches an epoch
    inputs = examples.train_split.inputs.astype(np.float32)
    inputs[3] = 200 * 255  # its loss is finite, its scaled gradient is not
    blinding = replace(examples, train_split=replace(examples.train_split, inputs=inputs))
    seeds.seed_everything(3, compiled)
    with recipe.precision(True, [(7, 5)]):
        layers = [keras.layers.Flatten(), keras.layers.Dense(2)]
        model = keras.Sequential([keras.Input((6, 6, 1)), *layers])
    model.set_weights([np.zeros_like(weights) for weights in model.get_weights()])
    pruner = Pruner(Unstructured(), Polynomial(0.2, 0.7, 1, 3, frequency=1)).attach(model)
    phase = PhaseOptions(epochs=3, optimizer=AdamOptions(learning_rate=1e-5))
    training = small.recipe(gradient_accumulation=4, jit_compile=compiled)
    found = loop.fit(model, blinding, phase, training, seed=5, pruner=pruner)
    assert found.steps == 6
    optimizer = model.optimizer
    assert int(optimizer.inner_optimizer.iterations) == pruner.step == 3
    assert float(optimizer.dynamic_scale) == optimizer.initial_scale / 2**3
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


@pytest.mark.slow
def test_a_killed_run_goes_on_with_the_same_parts(tmp_path):
    options = {"gradient_accumulation": 2, "checkpoint": Checkpoint(tmp_path / "state")}
    whole = trained(gradient_accumulation=2)
    stored = []

    class Stop(Checkpoint):
        def save(self, state):
            super().save(state)
            stored.append(state.step)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        trained(gradient_accumulation=2, checkpoint=Stop(tmp_path / "state"))
    assert stored == [5]
    for ours, theirs in zip(trained(**options)[2], whole[2], strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.anywhere
def test_parts_are_equal_and_in_order():
    inputs, labels = np.arange(24).reshape(6, 2, 2), np.arange(6)
    whole = tf.data.Dataset.from_tensors(({"x": inputs}, labels)).repeat(2)
    split = in_parts(whole, 3)
    assert split.element_spec[0]["x"].shape == (2, 2, 2)
    found = list(split.as_numpy_iterator())
    assert len(found) == 6
    np.testing.assert_array_equal(np.concatenate([x["x"] for x, _ in found[:3]]), inputs)
    np.testing.assert_array_equal(np.concatenate([y for _, y in found[3:]]), labels)
    assert in_parts(whole, 1) is whole


@pytest.mark.anywhere
def test_a_replica_gets_its_shares_of_all_parts():
    """The first part's examples are 0 to 3, of which the second replica gets 2 and 3."""
    inputs, labels = np.arange(24).reshape(8, 3), np.arange(8)
    whole = tf.data.Dataset.from_tensors(({"x": inputs}, labels))
    moved = by_replica(whole, 2, 2)
    assert moved.element_spec == whole.element_spec
    ((x, y),) = moved.as_numpy_iterator()
    assert y.tolist() == [0, 1, 4, 5, 2, 3, 6, 7]
    np.testing.assert_array_equal(x["x"], inputs[y])
    assert by_replica(whole, 1, 2) is whole


@pytest.mark.anywhere
def test_the_rate_of_updates_survives_keras():
    rate = RateOfUpdates(keras.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5), 3)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(rate))
    assert [float(again(step)) for step in (0, 2, 3, 6)] == [1.0, 1.0, 0.5, 0.25]
