"""Learning-rate rewinding repeats the last steps of a schedule."""

import keras
import numpy as np
import pytest

from harness.pruning import PruningError, RewoundLearningRate, rewind

SCHEDULES = {
    "cosine": keras.optimizers.schedules.CosineDecay(0.1, 100),
    "piecewise": keras.optimizers.schedules.PiecewiseConstantDecay([49, 79], [0.1, 0.01, 0.001]),
    "exponential": keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True),
    "function": lambda step: 0.1 / (1.0 + keras.ops.cast(step, "float32")),
    "number": 0.25,
}


def rate(schedule, step):
    return float(schedule(step)) if callable(schedule) else schedule


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("last", [1, 30, 100])
def test_repeats_the_last_steps(name, last):
    schedule = SCHEDULES[name]
    rewound = RewoundLearningRate(schedule, total_steps=100, last_steps=last)
    original = [rate(schedule, step) for step in range(100 - last, 100)]
    np.testing.assert_allclose([float(rewound(t)) for t in range(last)], original, rtol=1e-6)
    assert float(rewound(last + 50)) == pytest.approx(original[-1], rel=1e-6)


def test_trains_with_the_rates_of_the_end():
    # With SGD and a gradient of one, each update is the learning rate itself.
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    trained = keras.optimizers.SGD(SCHEDULES["cosine"])
    model.compile(rewind(trained, 100, 5), loss=lambda y, prediction: keras.ops.mean(prediction))
    positions = [model.get_weights()[0].item()]
    for _ in range(5):
        model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
        positions.append(model.get_weights()[0].item())
    expected = [rate(SCHEDULES["cosine"], step) for step in range(95, 100)]
    np.testing.assert_allclose(-np.diff(positions), expected, atol=1e-6)


def test_a_rewound_optimizer_has_the_settings_but_no_state():
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    adam = keras.optimizers.Adam(SCHEDULES["cosine"], beta_1=0.7, global_clipnorm=2.0)
    model.compile(adam, "mse")
    model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
    rewound = rewind(keras.optimizers.LossScaleOptimizer(adam), 100, 10)
    assert type(rewound) is keras.optimizers.Adam
    assert (rewound.beta_1, rewound.global_clipnorm) == (0.7, 2.0)
    assert int(rewound.iterations) == 0
    assert float(rewind(keras.optimizers.SGD(0.3), 10, 5).learning_rate) == pytest.approx(0.3)


def test_survives_saving(tmp_path):
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(RewoundLearningRate(SCHEDULES["cosine"], 100, 10)), "mse")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert float(loaded.optimizer.learning_rate) == pytest.approx(rate(SCHEDULES["cosine"], 90))


@pytest.mark.parametrize("last", [0, 101])
def test_refuses_steps_outside_the_training(last):
    with pytest.raises(PruningError, match="from 1 to total_steps=100"):
        RewoundLearningRate(0.1, 100, last)


def test_refuses_what_is_no_schedule():
    with pytest.raises(PruningError, match="schedule must be"):
        RewoundLearningRate("cosine", 100, 10)
