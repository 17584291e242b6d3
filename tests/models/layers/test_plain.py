"""Models made loadable for those who have Keras and nothing else."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from harness import models
from harness.models.layers.plain import plain
from harness.models.layers.standard import BatchNorm
from harness.models.mnist_cnn import MnistCnn


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(0).random((4, 8, 8, 1), np.float32)


def small():
    config = MnistCnn(filters=[2, 3], units=4)
    return models.build(config, (8, 8, 1), 3)


def test_the_copy_computes_the_same_with_layers_of_keras(inputs):
    model = small()
    copy = plain(model)
    np.testing.assert_allclose(copy(inputs), model(inputs), rtol=1e-5, atol=1e-6)
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    assert all(type(layer).__module__.startswith("keras.") for layer in copy.layers)


def test_training_state_and_constraints_are_left_behind():
    model = small()
    model.layers[0].kernel.constraint = keras.constraints.NonNeg()
    model.compile("adam", "mse")
    copy = plain(model)
    assert model.compiled
    assert not copy.compiled
    assert copy.layers[0].kernel.constraint is None
    copy.layers[0].kernel.assign(copy.layers[0].kernel * 0)
    assert np.abs(model.layers[0].kernel.numpy()).max() > 0, "the original is untouched"


def test_mixed_precision_becomes_float32(inputs):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small()
    finally:
        keras.config.set_dtype_policy("float32")
    copy = plain(model)
    assert {layer.compute_dtype for layer in copy.layers} == {"float32"}
    np.testing.assert_allclose(copy(inputs), model(inputs), rtol=0.1, atol=0.05)


def test_synchronization_is_left_behind():
    """Keras loads it over TensorFlow alone."""
    model = keras.Sequential([keras.Input((8, 8, 1)), BatchNorm(synchronized=True)])
    assert not plain(model).layers[0].synchronized
    assert model.layers[0].synchronized


def test_nested_models_are_made_plain_too(inputs):
    inner = keras.Sequential([keras.Input((8, 8, 1)), BatchNorm()], name="inner")
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, keras.layers.Flatten()(inner(image)))
    copy = plain(model)
    assert type(copy.get_layer("inner").layers[0]) is keras.layers.BatchNormalization
    np.testing.assert_allclose(copy(inputs), model(inputs), rtol=1e-5, atol=1e-6)


def test_its_file_loads_where_this_package_is_not(tmp_path, inputs):
    model = small()
    plain(model).save(tmp_path / "model.keras")
    np.save(tmp_path / "inputs.npy", inputs)
    code = """
import sys
sys.modules["harness"] = None  # importing it fails from here on
import keras, numpy as np
model = keras.saving.load_model("model.keras")
np.save("outputs.npy", model.predict(np.load("inputs.npy"), verbose=0))
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=600)
    expected = model(inputs)
    np.testing.assert_allclose(np.load(tmp_path / "outputs.npy"), expected, rtol=1e-5, atol=1e-6)
