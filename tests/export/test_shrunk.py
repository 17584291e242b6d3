"""Files of the smaller model that dead channels leave, beside those of the model itself."""

import keras
import numpy as np
import pytest

from harness.data import DATASETS
from harness.errors import ConfigError
from harness.export import FORMATS, ExportOptions, export
from harness.models.layers.multiply_adds import count
from harness.pruning import OneShot, Pruner, TiedChannels
from tests.training import small

KINDS = ["keras_shrunk", "tflite_shrunk"]


@pytest.fixture(scope="module")
def inputs():
    return next(small.data().test(10).as_numpy_iterator())[0]


def network():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(2),
        ]
    )
    Pruner(TiedChannels(), OneShot(0.5)).attach(model).detach(model)
    return model


def test_they_are_smaller_and_give_what_the_model_gives(inputs, tmp_path):
    model = network()
    found = export(model, ExportOptions(formats=["tflite", *KINDS]), tmp_path, inputs)
    assert not found.failures
    of = {artifact.kind: artifact for artifact in found.artifacts}
    assert of["tflite_shrunk"].size.bytes < 0.4 * of["tflite"].size.bytes
    assert of["keras_shrunk"].size.bytes < 0.7 * of["keras"].size.bytes
    expected = np.asarray(model(inputs, training=False))
    for kind in KINDS:
        outputs = FORMATS.find(kind)().runner(of[kind].path)(inputs)
        np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    small_model = FORMATS.find("keras_shrunk")().model(of["keras_shrunk"].path)
    told = of["keras_shrunk"].details
    assert told["parameters"] == small_model.count_params()
    assert told["multiply_adds"] == count(small_model).dense < 0.4 * count(model).dense
    assert of["tflite_shrunk"].details == told, "the same network, whichever file it is in"


def test_without_dead_channels_they_fail_in_a_line_and_the_others_are_there(inputs, tmp_path):
    options = ExportOptions(formats=[*KINDS, "tflite"])
    found = export(small.model(), options, tmp_path, inputs)
    assert [artifact.kind for artifact in found.artifacts] == ["keras", "tflite"]
    assert [failure.kind for failure in found.failures] == KINDS
    for failure in found.failures:
        assert "no dead channels to remove: prune it with whole channels" in failure.reason
        assert "\n" not in failure.reason
    assert not list(tmp_path.glob("*shrunk*"))


@pytest.mark.parametrize("kind", KINDS)
def test_translation_is_refused(kind):
    dataset = DATASETS.find("wmt16")()
    with pytest.raises(ConfigError, match=f"received {kind} with dataset=wmt16"):
        FORMATS.find(kind)().check(dataset)
