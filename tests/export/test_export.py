"""Exported files: run, compared, and refused when they stray."""

import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.errors import ExportError
from harness.export import ExportOptions, comparison, export, packed, tflite
from harness.export.comparison import Comparison, compare
from tests.training import small


@pytest.fixture(scope="module")
def samples():
    return next(iter(small.data().test(10)))[0].numpy()


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return small.model()


def config(**options):
    return ExportOptions(name="tflite", **options)


def test_files_compute_what_the_model_does(tmp_path, model, samples):
    artifacts = export(model, config(), tmp_path / "new" / "folder", samples).artifacts
    assert [artifact.kind for artifact in artifacts] == ["keras", "tflite"]
    expected = model.predict(samples, verbose=0)
    again = keras.saving.load_model(artifacts[0].path)
    np.testing.assert_allclose(again.predict(samples, verbose=0), expected, rtol=1e-5, atol=1e-6)
    lite = tflite.run(artifacts[1].path.read_bytes(), samples)
    np.testing.assert_allclose(lite, expected, rtol=1e-4, atol=1e-5)
    for artifact in artifacts:
        assert artifact.size.bytes == artifact.path.stat().st_size
        assert artifact.size.gzip_bytes > 0
        assert 0 <= artifact.compared.error < 1e-5
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["model.keras", "model.tflite"]


def test_the_optimizer_is_not_shipped(tmp_path, samples):
    model = small.model()
    before = export(model, config(formats=[]), tmp_path / "before", samples).artifacts[0].size.bytes
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    after = export(model, config(formats=[]), tmp_path / "after", samples).artifacts[0].size.bytes
    assert abs(after - before) < 200


def test_zeros_weigh_less_gzipped_only(tmp_path, samples):
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(500)]
    )
    _, dense = export(model, config(), tmp_path, samples).artifacts
    kernel = model.layers[-1].kernel
    keep = np.random.default_rng(0).random(kernel.shape) > 0.9
    kernel.assign(kernel.numpy() * keep)
    _, sparse = export(model, config(), tmp_path, samples).artifacts
    assert sparse.size.bytes == dense.size.bytes
    assert sparse.size.gzip_bytes < 0.4 * dense.size.gzip_bytes


def test_where_few_ways_are_asked_for_the_same_weights_are_compressed_once(
    tmp_path, model, samples, monkeypatch
):
    quick = config(compress=["gzip"])
    own, file = export(model, quick, tmp_path, samples).artifacts
    assert (own.size.gzip_bytes, own.size.least) == (None, own.size.bytes)
    assert file.size.gzip_bytes < file.size.bytes
    (alone,) = export(model, config(formats=[], compress=["gzip"]), tmp_path, samples).artifacts
    assert alone.size.gzip_bytes < alone.size.bytes

    def fails(*given):
        raise ExportError("no operation of that kind")

    monkeypatch.setattr(tflite.Tflite, "write", fails)
    (left,) = export(model, quick, tmp_path, samples).artifacts
    assert left.size == alone.size


def test_the_same_model_converts_to_the_same_bytes(model):
    assert tflite.convert(model) == tflite.convert(model)


def test_a_wrong_conversion_is_refused_and_leaves_nothing(tmp_path, model, samples, monkeypatch):
    right = tflite.convert

    def wrong(shipped, *options):
        broken = keras.models.clone_model(shipped)
        broken.set_weights([value * 1.01 for value in shipped.get_weights()])
        return right(broken, *options)

    monkeypatch.setattr(tflite, "convert", wrong)
    found = export(model, config(), tmp_path, samples)
    (failure,) = found.failures
    assert failure.kind == "tflite"
    assert re.match(r"model\.tflite: .* more than export\.tolerance=0\.001", failure.reason)
    assert 0.9 < failure.correlation <= 1
    assert [artifact.kind for artifact in found.artifacts] == ["keras"]
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


def test_a_model_that_keras_cannot_read_back_is_refused_in_a_line(tmp_path, samples):
    class Doubled(keras.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

    model = keras.Sequential([keras.Input((6, 6, 1)), Doubled(), keras.layers.Flatten()])
    refused = r"^model\.keras: Keras cannot read it: Could not locate class 'Doubled'\. .*register"
    with pytest.raises(ExportError, match=refused) as error:
        export(model, config(), tmp_path, samples)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400, "without the whole config"
    assert not list(tmp_path.iterdir())
    with pytest.raises(ExportError, match=r"model\.packed: Keras cannot read it: Could not locate"):
        packed._loaded(packed.pack(model), "model.packed")


def test_what_is_asked_for_again_of_the_same_model_and_inputs_is_computed_once(model, samples):
    calls = []

    class Counting:
        def __call__(self, inputs, training):
            calls.append(len(inputs))
            return model(inputs, training=training)

    counting, other = Counting(), samples.copy()
    with comparison.settled(counting, samples):
        first = comparison.outputs_of(counting, samples)
        assert comparison.outputs_of(counting, samples) is first
        comparison.outputs_of(counting, other)
        comparison.outputs_of(counting, other)  # nobody said that these stay what they are
    assert len(calls) == 3
    comparison.outputs_of(counting, samples)
    assert len(calls) == 4


def test_a_damaged_file_does_not_run(samples):
    with pytest.raises(ExportError, match="does not run"):
        tflite.run(b"TFL3 this is not a model", samples)


def test_conversion_is_silent_and_gives_the_terminal_back():
    """In a process of its own: under pytest, Python's streams are not the process's."""
    code = """
import logging, os, sys
from harness.export import tflite
from harness.system.quiet import captured
from tests.training import small
tflite.run(tflite.convert(small.model()), next(iter(small.data().test(2)))[0].numpy())
with captured() as written:
    print("hidden", flush=True)
    os.write(2, b"and this")
    logging.warning("hidden, by a handler that is made here")
    assert written().startswith("hidden\\nand this"), written()
logging.warning("shown by it")
print("shown")
"""
    silent = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=silent)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "shown\n"
    # TensorFlow's import announces itself whatever it is told, before conversion starts.
    lines = [line for line in done.stderr.splitlines() if "WARNING" in line and "absl" not in line]
    assert lines == ["WARNING:root:shown by it"]
    assert "hidden" not in done.stderr
    assert "Saved artifact" not in done.stdout


def test_compare():
    outputs = np.array([[1.0, -4.0]])
    assert compare("x", outputs, outputs, 1e-9) == Comparison(0.0, 1.0)
    found = compare("x", outputs + 0.002, outputs, 1e-3)
    assert (found.error, found.correlation) == pytest.approx((0.0005, 1.0))
    for wrong in (outputs + 0.1, np.full((1, 2), np.nan), np.zeros((1, 3))):
        with pytest.raises(ExportError, match="x: "):
            compare("x", wrong, outputs, 1e-3)


@pytest.mark.parametrize("pair", [False, True])
def test_large_examples_go_through_a_model_a_few_at_a_time(monkeypatch, pair):
    seen = []

    def model(inputs, training):
        slots = inputs if pair else [inputs]
        seen.append(len(slots[0]))
        return sum(slot.sum(axis=1) for slot in slots)

    examples = np.arange(70.0).reshape(10, 7)
    inputs = (examples, examples) if pair else examples
    monkeypatch.setattr(comparison, "VALUES", 4 * 7 * (2 if pair else 1))
    expected = examples.sum(axis=1) * (2 if pair else 1)
    assert comparison.outputs_of(model, inputs).tolist() == expected.tolist()
    assert seen == [4, 4, 2]
    monkeypatch.setattr(comparison, "VALUES", 1)
    assert comparison.at_once(inputs) == 1
