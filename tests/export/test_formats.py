"""Every format: written, read back, compared, weighed; or failed, with nothing left behind."""

import re
import subprocess
import sys
from dataclasses import fields
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness import tasks
from harness.errors import ExportError
from harness.export import FORMATS, ExportOptions, Samples, export, int8, tflite
from harness.export.base import Format
from harness.export.comparison import AGREEMENT, agree
from harness.export.sparse import sparsely
from harness.export.timing.latency import measure
from harness.system.quiet import captured
from tests.settings import environment
from tests.training import small

#: What a classifier of pictures can be shipped as.
#: Channels that all live leave nothing to shrink: `test_shrunk` has those.
#: ONNX needs packages that an extra brings: `test_onnx` runs it where they are.
#: Integers in sparse encoding are what LiteRT refuses of such a model: they have a test below.
_ELSEWHERE = ("waveform", "shrunk", "onnx", "int8_sparse")
KINDS = [kind for kind in FORMATS.names() if not any(word in kind for word in _ELSEWHERE)]


@pytest.fixture(scope="module")
def samples():
    inputs = next(small.data().test(10).as_numpy_iterator())[0]
    calibration = next(small.data().train(40, 0).as_numpy_iterator())[0]
    return Samples(inputs, {"calibration": calibration})


@pytest.fixture(scope="module")
def model():
    """Most weights of its largest layer are zeros."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu", name="hidden"),
            keras.layers.Dense(2),
        ]
    )
    kernel = model.get_layer("hidden").kernel
    kernel.assign(kernel * (np.random.default_rng(0).random(kernel.shape) < 0.2))
    return model


@pytest.fixture(scope="module")
def exported(model, samples, tmp_path_factory):
    options = ExportOptions(name="all", formats=KINDS)
    return export(model, options, tmp_path_factory.mktemp("formats"), samples)


def test_all_are_written_and_give_what_the_model_gives(exported):
    assert not exported.failures
    assert [artifact.kind for artifact in exported.artifacts] == ["keras", *KINDS]
    for artifact in exported.artifacts:
        assert artifact.compared.correlation > 0.99, artifact
        assert artifact.compared.agreement is None or artifact.compared.agreement >= AGREEMENT
        assert all(getattr(artifact.size, field.name) > 0 for field in fields(artifact.size))
        assert artifact.size.least <= artifact.size.xz_bytes


def test_what_is_rounded_or_left_out_weighs_less(exported):
    bytes_of = {artifact.kind: artifact.size.bytes for artifact in exported.artifacts}
    assert bytes_of["tflite_sparse"] < 0.6 * bytes_of["tflite"]
    assert bytes_of["tflite_float16_sparse"] < bytes_of["tflite_float16"] < bytes_of["tflite"]
    assert bytes_of["tflite_dynamic"] < bytes_of["tflite_float16"]


def test_weights_are_as_each_format_says(exported):
    for artifact in exported.artifacts:
        if not artifact.kind.startswith("tflite"):
            continue
        kind = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = tf.lite.Interpreter(
            model_path=str(artifact.path), experimental_op_resolver_type=kind
        )
        weights = [
            (np.dtype(tensor["dtype"]).name, bool(tensor["sparsity_parameters"]))
            for tensor in interpreter.get_tensor_details()
            if np.prod(tensor["shape"]) == 128 * 64
        ]
        bits = next((b for b in ("float16", "int8", "dynamic") if b in artifact.kind), "float32")
        expected = {"dynamic": "int8"}.get(bits, bits), artifact.kind.endswith("sparse")
        assert expected in weights, (artifact.kind, weights)


def share_of_zeros(model):
    kernels = [one.numpy() for one in model.trainable_weights if len(one.shape) > 1]
    return 1 - sum(map(np.count_nonzero, kernels)) / sum(one.size for one in kernels)


def test_zeros_that_are_left_out_of_a_file_count_as_those_that_are_in_it(exported, model):
    told = {one.kind: one.details["zeros"] for one in exported.artifacts if "zeros" in one.details}
    assert {"tflite_float16", "tflite_float16_sparse", "tflite_int8", "packed"} < told.keys()
    for kind, share in told.items():
        assert share_of_zeros(model) - 1e-6 <= share < share_of_zeros(model) + 0.01, kind


@pytest.mark.parametrize("block", [1, 16])
def test_a_file_counts_where_the_runtime_that_times_it_runs_it(model, samples, tmp_path, block):
    """LiteRT refuses integers without single zeros that TensorFlow's interpreter takes."""
    shipped = keras.models.clone_model(model)
    kept = np.random.default_rng(0).random((128 // block, 1, 64)) < 0.2
    kernel = shipped.get_layer("hidden").kernel
    kernel.assign(kernel * np.repeat(kept, block, 1).reshape(kernel.shape))
    with captured():
        content = int8.convert(shipped, samples.more["calibration"], more=sparsely)
    file = tmp_path / "as_converted"
    file.write_bytes(content)
    refused = measure({"file": file}, threads=[1]).failures
    options = ExportOptions(formats=["tflite_int8_sparse", "tflite"])
    found = export(shipped, options, tmp_path / "files", samples)
    assert [one.kind for one in found.failures] == ["tflite_int8_sparse"] * len(refused)
    assert (tmp_path / "files" / "model_int8_sparse.tflite").exists() != bool(refused)
    for one in found.failures:
        assert one.reason.startswith("model_int8_sparse.tflite: does not run: ")
        assert (
            one.reason.removeprefix("model_int8_sparse.tflite: does not run: ") in refused["file"]
        )
    assert block == 1 or not refused
    for one in found.artifacts:
        if one.kind == "tflite_int8_sparse":
            assert one.details["zeros"] >= share_of_zeros(shipped) - 1e-6


def test_each_is_scored_under_a_name_of_its_own():
    found = [FORMATS.find(kind).scored for kind in KINDS]
    assert len(set(found)) == len(found)
    assert None not in found


def test_a_saved_model_is_run_as_its_servers_run_it(exported, model, samples):
    (made,) = [artifact for artifact in exported.artifacts if artifact.kind == "saved_model"]
    outputs = FORMATS.find("saved_model")().runner(made.path)(samples.inputs[:3])
    np.testing.assert_allclose(outputs, model(samples.inputs[:3]), rtol=1e-5, atol=1e-6)


def test_a_saved_model_that_cannot_be_written_is_told_in_a_line(tmp_path, samples, monkeypatch):
    monkeypatch.setattr(keras.Model, "export", lambda *_, **__: (_ for _ in ()).throw(
        RuntimeError("no such op\nand more")
    ))  # fmt: skip
    found = export(small.model(), ExportOptions(formats=["saved_model"]), tmp_path, samples)
    (failure,) = found.failures
    assert re.fullmatch(
        r"saved_model: sequential\w* cannot be exported: no such op", failure.reason
    )
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_one_that_fails_takes_no_other_with_it(tmp_path, model, samples, monkeypatch):
    right = tflite.convert

    def scrambled(shipped, name, *options):
        if name == "model_dynamic.tflite":
            broken = keras.models.clone_model(shipped)
            broken.set_weights([-value for value in shipped.get_weights()])
            return right(broken, name, *options)
        return right(shipped, name, *options)

    monkeypatch.setattr(tflite, "convert", scrambled)
    options = ExportOptions(formats=["tflite_dynamic", "tflite"])
    found = export(model, options, tmp_path, samples)
    assert [artifact.kind for artifact in found.artifacts] == ["keras", "tflite"]
    (failure,) = found.failures
    assert failure.kind == "tflite_dynamic"
    assert f"correlation {failure.correlation:.3f}" in failure.reason
    assert failure.correlation < 0.9
    assert not (tmp_path / "model_dynamic.tflite").exists()


def test_outputs_that_are_no_numbers_agree_with_nothing():
    expected = np.eye(10)
    outputs = expected.copy()
    outputs[:, 0] = np.nan
    with pytest.raises(ExportError, match=r"x: .*accepted: 90% or more"):
        agree("x", outputs, expected)


def test_weights_that_are_no_numbers_are_named(tmp_path, samples):
    model = small.model()
    kernel = model.layers[0].kernel
    kernel.assign(kernel.numpy() * np.nan)
    with pytest.raises(ExportError, match=r"its weight .*/kernel holds NaN or infinity"):
        export(model, ExportOptions(formats=["tflite"]), tmp_path, samples)
    assert not list(tmp_path.iterdir())


def test_without_training_examples_only_what_needs_them_fails(tmp_path, model, samples):
    class NoneToTrainOn:
        num_train = 0

        def sampled(self, count):
            return small.data().sampled(count)

    options = ExportOptions(formats=["tflite_int8", "tflite"])
    config = SimpleNamespace(export=options, seed=1)
    given = tasks.TASKS.find("classification")().samples(NoneToTrainOn(), config)
    heard = []
    found = export(model, options, tmp_path, given, heard.append)
    assert heard == ["keras", "tflite_int8", "tflite", "sizes of keras", "sizes of tflite"]
    (failure,) = found.failures
    assert failure.kind == "tflite_int8"
    assert failure.reason.startswith("tflite_int8: no training examples to calibrate on; accepted")
    assert [artifact.kind for artifact in found.artifacts] == ["keras", "tflite"]


def test_the_base_format_writes_nothing(tmp_path):
    with pytest.raises(NotImplementedError):
        Format().write(None, tmp_path, None, 1.0)


SAVING = """
import sys, numpy as np, keras
from pathlib import Path
from harness.export import keras_file
from harness.models.layers.plain import plain
spacers = [object() for _ in range(int(sys.argv[2]))]
inputs = keras.Input((4,), name="x")
shared = keras.layers.Dense(4, kernel_initializer="ones", name="twice")
outputs = keras.layers.Dropout(0.5, name="dropout")(shared(shared(inputs)))
model = plain(keras.Model(inputs, outputs, name="net"))
keras_file.to_keras(model, Path(sys.argv[1]), np.ones((2, 4), np.float32), 1e-3)
"""


def test_equal_weights_make_equal_keras_files(tmp_path):
    """Another process has other addresses, and another time."""
    for name, spacers in (("a.keras", "1"), ("b.keras", "999")):
        subprocess.run(
            [sys.executable, "-c", SAVING, str(tmp_path / name), spacers],
            check=True,
            env=environment(),
            timeout=600,
        )
    first = (tmp_path / "a.keras").read_bytes()
    assert first == (tmp_path / "b.keras").read_bytes()
    model = keras.models.load_model(tmp_path / "a.keras")
    assert len(model.weights) == 2, "the layer is shared as before"
    model.get_layer("twice").bias.assign(np.ones(4))
    model.save(tmp_path / "c.keras")
    assert (tmp_path / "c.keras").read_bytes() != first
