"""Packed models: what comes back computes what was packed, in nearly the fewest bytes."""

import importlib.util
import subprocess
import sys

import keras
import numpy as np
import pytest

from harness.errors import ConfigError, ExportError
from harness.export import ExportOptions, Samples, container, entropy, export, packed
from harness.export.packed import load, pack, quantize
from harness.models import MODELS, build
from harness.models.layers.plain import plain
from tests.settings import environment


@pytest.fixture(scope="module")
def model():
    """Pruned, its batch normalizations away from where they begin."""
    keras.utils.set_random_seed(0)
    model = plain(build(MODELS.find("ds_cnn_l")(filters=128), (49, 10, 1), 12))
    rng = np.random.default_rng(0)
    for weight in model.weights:
        value = weight.numpy()
        if value.ndim > 1:
            value = value * (rng.random(value.shape) < 0.2)
        elif "gamma" in weight.path or "variance" in weight.path:
            value = rng.uniform(0.5, 2, value.shape)
        elif "mean" in weight.path or "beta" in weight.path:
            value = rng.normal(size=value.shape) / 4
        weight.assign(value)
    return model


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(1).normal(size=(16, 49, 10, 1)).astype(np.float32)


def test_zeros_and_rounded_values_come_back_bit_for_bit(model, tmp_path):
    path = tmp_path / "model.packed"
    path.write_bytes(pack(model))
    again = load(path)
    assert [weight.path for weight in again.weights] == [weight.path for weight in model.weights]
    for one, other in zip(again.weights, model.weights, strict=True):
        value, expected = one.numpy(), other.numpy()
        if value.ndim < 2:
            continue
        if value.size >= packed._LEAST_SIZE:
            integers, scale = quantize(expected)
            expected = integers.astype(np.float32) * scale
            assert np.abs(value - other.numpy()).max() <= scale.max() / 2 * 1.0001
        np.testing.assert_array_equal(value, expected)
        assert (value[other.numpy() == 0] == 0).all()
    assert pack(load(path)) == pack(load(path))


def test_floats_come_back_bit_for_bit(model, inputs, tmp_path):
    kinds = ["packed_float", "packed", "tflite"]
    found = export(model, ExportOptions(formats=kinds), tmp_path, Samples(inputs))
    assert not found.failures
    of = {artifact.kind: artifact for artifact in found.artifacts}
    made = of["packed_float"]
    again = load(made.path)
    for one, other in zip(again.weights, model.weights, strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes(), other.path
    assert made.compared.error < 1e-6
    assert made.compared.agreement is None, "its outputs decide"
    assert made.details["bound_bytes"] < made.size.bytes
    assert of["packed"].size.bytes < made.size.bytes / 2
    assert made.size.bytes < of["tflite"].size.bytes / 2, "four fifths of the kernels are zeros"


def test_normalizations_do_what_they_did(model, inputs, monkeypatch):
    monkeypatch.setattr(packed, "_LEAST_SIZE", 10**9)  # nothing is rounded
    again = packed._loaded(pack(model), "x")
    np.testing.assert_allclose(again(inputs), model(inputs), rtol=1e-3, atol=1e-4)


def test_normalizations_of_one_name_in_nested_models_stay_apart():
    def nested(name):
        inputs = keras.Input((8,))
        return keras.Model(inputs, keras.layers.BatchNormalization(name="bn")(inputs), name=name)

    inputs = keras.Input((8,))
    model = keras.Model(inputs, nested("two")(nested("one")(inputs)))
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.uniform(0.5, 2, weight.shape))
    assert len({weight.path for weight in model.weights}) < len(model.weights)
    batch = rng.normal(size=(5, 8)).astype(np.float32)
    again = packed._loaded(pack(model), "x")
    np.testing.assert_allclose(again(batch), model(batch), rtol=1e-3, atol=1e-4)


def test_it_is_exported_with_its_bound_and_smaller_than_any_other(model, inputs, tmp_path):
    options = ExportOptions(formats=["packed", "tflite"])
    found = export(model, options, tmp_path, Samples(inputs))
    _, made, dense = found.artifacts
    assert made.compared.agreement >= 0.9
    assert made.size.least < dense.size.xz_bytes / 2
    assert made.details["bound_bytes"] < made.size.bytes
    runner = packed.Packed().runner(made.path)
    np.testing.assert_array_equal(runner(inputs), load(made.path)(inputs))


def test_a_scale_for_each_output_channel():
    value = np.array([[[[1.0], [10.0], [0.0]]]], np.float32)  # depthwise: channels before last
    integers, scale = quantize(value)
    assert integers.ravel().tolist() == [127, 127, 0]
    assert scale.shape == (1, 1, 3, 1)
    integers, scale = quantize(np.array([[1.0, -8.0], [0.5, 4.0]], np.float32))
    assert integers.tolist() == [[127, -127], [64, 64]]
    assert scale.shape == (1, 2)


def test_a_damaged_file_loads_nothing(model, tmp_path):
    path = tmp_path / "model.packed"
    path.write_bytes(pack(model)[:-1])
    with pytest.raises(ExportError, match=r"^model\.packed: its checksum is wrong"):
        load(path)


def test_weights_of_another_model_are_refused(model):
    header, arrays = container.unpack(pack(model))
    arrays["0"] = arrays["0"][:-1]
    with pytest.raises(ExportError, match="its weights are not those of its model"):
        packed._loaded(container.pack(header, arrays), "x")


def test_a_missing_package_is_named_before_anything_is_spent(monkeypatch):
    monkeypatch.setattr(entropy.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs the package constriction; install .*\[packed\]"):
        ExportOptions(formats=["packed"]).check(None)


def test_translation_models_are_packed_too(tmp_path):
    """And read in a process that knows nothing of them yet."""
    model = build(MODELS.find("gnmt")(units=16), (None,), 40)
    path = tmp_path / "model.packed"
    path.write_bytes(pack(plain(model)))
    code = f"""
import numpy as np
from harness.export.packed import load
model = load({str(path)!r})
print(model((np.array([[5, 6, 7]]), np.array([[2, 5]]))).shape)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=600
    )
    assert done.stdout.strip() == "(2, 40)", done.stderr


def test_without_the_package_that_decodes_it_is_named(tmp_path, monkeypatch):
    path = tmp_path / "model.packed"
    path.write_bytes(b"SPRS")
    with pytest.raises(ExportError, match=r"model\.packed: it is cut off: received 4 bytes"):
        packed.load(path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"install sparsity-harness\[packed\]"):
        packed.load(path)
