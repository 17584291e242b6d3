"""Exported files: run, compared, and refused when they stray."""

import os
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.config.schema import ExportConfig
from harness.errors import ConfigError, ExportError
from harness.export import check, export, tflite
from harness.export.comparison import compare
from harness.export.quiet import captured
from tests.training import small


@pytest.fixture(scope="module")
def samples():
    return next(iter(small.data().test(10)))[0].numpy()


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return small.model()


def config(**options):
    return ExportConfig(name="tflite", **options)


def test_files_compute_what_the_model_does(tmp_path, model, samples):
    artifacts = export(model, config(), tmp_path / "new" / "folder", samples)
    assert [artifact.kind for artifact in artifacts] == ["keras", "tflite"]
    expected = model.predict(samples, verbose=0)
    again = keras.saving.load_model(artifacts[0].path)
    np.testing.assert_allclose(again.predict(samples, verbose=0), expected, rtol=1e-5, atol=1e-6)
    lite = tflite.run(artifacts[1].path.read_bytes(), samples)
    np.testing.assert_allclose(lite, expected, rtol=1e-4, atol=1e-5)
    for artifact in artifacts:
        assert artifact.bytes == artifact.path.stat().st_size
        assert artifact.gzip_bytes > 0
        assert 0 <= artifact.max_error < 1e-5
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["model.keras", "model.tflite"]


def test_the_optimizer_is_not_shipped(tmp_path, samples):
    model = small.model()
    before = export(model, config(formats=[]), tmp_path / "before", samples)[0].bytes
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    after = export(model, config(formats=[]), tmp_path / "after", samples)[0].bytes
    assert abs(after - before) < 200


def test_zeros_weigh_less_gzipped_only(tmp_path, samples):
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(500)]
    )
    _, dense = export(model, config(), tmp_path, samples)
    kernel = model.layers[-1].kernel
    keep = np.random.default_rng(0).random(kernel.shape) > 0.9
    kernel.assign(kernel.numpy() * keep)
    _, sparse = export(model, config(), tmp_path, samples)
    assert sparse.bytes == dense.bytes
    assert sparse.gzip_bytes < 0.4 * dense.gzip_bytes


def test_the_same_model_converts_to_the_same_bytes(model):
    assert tflite.convert(model) == tflite.convert(model)


def test_a_wrong_conversion_is_refused_and_leaves_nothing(tmp_path, model, samples, monkeypatch):
    right = tflite.convert

    def wrong(shipped):
        broken = keras.models.clone_model(shipped)
        broken.set_weights([value * 1.01 for value in shipped.get_weights()])
        return right(broken)

    monkeypatch.setattr(tflite, "convert", wrong)
    with pytest.raises(ExportError, match=r"model\.tflite: .* more than export\.tolerance=0\.001"):
        export(model, config(), tmp_path, samples)
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_what_the_converter_refuses_is_told_in_a_line(tmp_path, samples):
    class Eigenvalues(keras.layers.Layer):
        def call(self, x):
            return tf.math.real(tf.linalg.eigvals(x[..., 0]))

        def compute_output_shape(self, shape):
            return shape[:-2]

    model = keras.Sequential([keras.Input((6, 6, 1)), Eigenvalues()])
    with pytest.raises(ExportError, match=r"model\.tflite: .* cannot be converted: ") as refused:
        tflite.convert(model)
    assert "\n" not in str(refused.value)


def test_a_damaged_file_does_not_run(samples):
    with pytest.raises(ExportError, match="does not run"):
        tflite.run(b"TFL3 this is not a model", samples)


def test_conversion_is_silent(capfd, model, samples):
    tflite.run(tflite.convert(model), samples)
    assert capfd.readouterr() == ("", "")


def test_captured_gives_back_the_terminal(capfd):
    with captured() as written:
        sys.stdout.write("hidden\n")
        tf.print("hidden too", output_stream=sys.stderr)
        os.write(2, b"and this")
        sofar = written()
    sys.stdout.write("shown\n")
    assert sofar == "hidden\nhidden too\nand this"
    assert capfd.readouterr() == ("shown\n", "")


def test_compare():
    outputs = np.array([[1.0, -4.0]])
    assert compare("x", outputs, outputs, 1e-9) == 0
    assert compare("x", outputs + 0.002, outputs, 1e-3) == pytest.approx(0.0005)
    for wrong in (outputs + 0.1, np.full((1, 2), np.nan), np.zeros((1, 3))):
        with pytest.raises(ExportError, match="x: "):
            compare("x", wrong, outputs, 1e-3)


def test_impossible_exports_are_refused():
    with pytest.raises(ConfigError, match=r"export\.formats=\['onnx'\]: needs names among tflite"):
        check(config(formats=["onnx"]))
    with pytest.raises(ConfigError, match=r"export\.tolerance=0"):
        check(config(tolerance=0.0))
