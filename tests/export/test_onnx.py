"""ONNX files: run by another runtime beside the model; or refused in a line."""

import importlib.util
import os
import signal

import keras
import numpy as np
import pytest

from harness.data.base import DATASETS
from harness.errors import ConfigError, ExportError
from harness.export import ExportOptions, Samples, export, onnx, onnx_child
from harness.export.onnx_child import OnnxRunner
from harness.models import MODELS, build
from harness.models.layers.plain import plain

installed = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("tf2onnx", "onnx", "onnxruntime")),
    reason="needs sparsity-harness[onnx]",
)


def test_missing_packages_are_refused_with_what_to_install(monkeypatch):
    right = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if "onnx" in name else right(name)
    )
    with pytest.raises(ConfigError) as refused:
        ExportOptions(formats=["tflite", "onnx"]).check(DATASETS.find("mnist")())
    assert str(refused.value) == (
        "export.formats: onnx needs tf2onnx, onnx, onnxruntime; install sparsity-harness[onnx]"
    )


@pytest.mark.parametrize(
    ("data", "options", "given"),
    [
        ("multi30k", {}, "dataset=multi30k; accepted: packed"),
        ("fsdd", {"features": "waveform"}, "waveform, whose front end has no ONNX form; accepted"),
    ],
)
def test_data_whose_models_cannot_have_it_are_refused(data, options, given):
    with pytest.raises(ConfigError, match=rf"received onnx with .*{given}"):
        ExportOptions(formats=["onnx"]).check(DATASETS.find(data)(**options))


def test_a_runtime_that_dies_is_told(tmp_path):
    runner = OnnxRunner(tmp_path / "no.onnx", "model.onnx")
    os.kill(runner._process.pid, signal.SIGKILL)
    with pytest.raises(ExportError, match=r"model\.onnx: its runtime died of signal 9"):
        runner(np.zeros((1, 2), np.float32))


def test_a_runtime_that_does_not_answer_is_given_up(tmp_path, monkeypatch):
    runner = OnnxRunner(tmp_path / "no.onnx", "model.onnx")
    monkeypatch.setattr(onnx_child, "PATIENCE", 0.3)
    os.kill(runner._process.pid, signal.SIGSTOP)
    with pytest.raises(ExportError, match=r"model\.onnx: its runtime gave no answer in 0.3 s"):
        runner(np.zeros((1000, 1000), np.float32))  # more than a pipe holds


def test_a_runtime_that_says_much_is_not_stopped_by_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONVERBOSE", "1")  # some hundred kilobytes
    with pytest.raises(ExportError, match=r"model\.onnx: its runtime ended with 1"):
        OnnxRunner(tmp_path / "no.onnx", "model.onnx")(np.zeros((1, 2), np.float32))


def test_a_file_that_does_not_load_is_told(tmp_path):
    (tmp_path / "no.onnx").write_bytes(b"no model")
    with pytest.raises(ExportError, match=r"model\.onnx: its runtime ended with 1: .*rror"):
        OnnxRunner(tmp_path / "no.onnx", "model.onnx")(np.zeros((1, 2), np.float32))


#: Each small, but of every kind of layer that its full size has.
NETWORKS = {
    "mnist_cnn": ({}, (28, 28, 1), 10),
    "mobilenet_v1": ({"width": 0.25}, (64, 64, 3), 10),
    "ds_cnn_l": ({}, (49, 10, 1), 12),
    "imdb_lstm": ({"vocabulary_size": 50, "units": 8, "embedding": 8}, (20,), 2),
}


def network(name):
    keras.utils.set_random_seed(0)
    options, shape, classes = NETWORKS[name]
    model = build(MODELS.find(name)(**options), shape, classes)
    rng = np.random.default_rng(0)
    if name == "imdb_lstm":
        return model, rng.integers(0, 50, (7, *shape)).astype(np.int32)
    return model, rng.normal(size=(7, *shape)).astype(np.float32)


@installed
@pytest.mark.parametrize("name", NETWORKS)
def test_another_runtime_gives_what_the_model_gives(name, tmp_path):
    model, inputs = network(name)
    found = export(model, ExportOptions(formats=["onnx"]), tmp_path, inputs)
    assert not found.failures
    _, artifact = found.artifacts
    assert artifact.compared.correlation > 0.999
    assert artifact.size.gzip_bytes > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.keras", "model.onnx"]
    run = onnx.Onnx().runner(artifact.path)
    for part in (inputs[:2], inputs):  # batches of any size, the runtime opened once
        np.testing.assert_allclose(run(part), model(part, training=False), rtol=1e-3, atol=1e-4)


@installed
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "side"), [("mobilenet_v1", 224), ("mobilenet_v2", 224), ("inception_v3", 299)]
)
def test_networks_of_full_size_have_it(name, side, tmp_path):
    keras.utils.set_random_seed(0)
    model = plain(build(MODELS.find(name)(), (side, side, 3), 1001))
    inputs = np.random.default_rng(0).normal(size=(3, side, side, 3)).astype(np.float32)
    found = export(model, ExportOptions(formats=["onnx"], compress=["gzip"]), tmp_path, inputs)
    assert not found.failures
    keras_file, artifact = found.artifacts
    assert artifact.compared.correlation > 0.9999
    assert artifact.size.bytes == pytest.approx(keras_file.size.bytes, rel=0.1)


@installed
def test_a_wrong_conversion_and_one_that_fails_leave_nothing(tmp_path, monkeypatch):
    model, inputs = network("mnist_cnn")
    right = keras.Model.export

    def wrong(shipped, path, **options):
        broken = keras.models.clone_model(shipped)
        broken.set_weights([-value for value in shipped.get_weights()])
        broken(inputs[:1])
        return right(broken, path, **options)

    def fails(shipped, path, **options):
        raise ValueError("no such op\nand more")

    for exporting, told in (
        (wrong, "differ from the Keras model's"),
        (fails, "converted: no such op"),
    ):
        monkeypatch.setattr(keras.Model, "export", exporting)
        found = export(model, ExportOptions(formats=["onnx"]), tmp_path, Samples(inputs))
        (failure,) = found.failures
        assert told in failure.reason
        assert "\n" not in failure.reason
        assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
