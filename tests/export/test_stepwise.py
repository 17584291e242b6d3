"""GNMT as TensorFlow Lite files of two graphs, by real interpreters beside the Keras model."""

import re

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.blocks import in_blocks
from harness.data.base import DATASETS
from harness.errors import ConfigError, ExportError
from harness.export import FORMATS, ExportOptions, Samples, export, size_of, tflite, tflite_child
from harness.export.timing.latency import measure
from harness.models.gnmt import Decoding
from harness.models.layers.plain import plain
from harness.tasks.scores.beam import translate
from harness.tasks.scores.steps import FileSteps, ModelSteps
from tests.models.gnmt_reference import BOS
from tests.models.test_gnmt import padded, sentences, small

UNITS, PRUNED = 32, 0.9
#: What translation models can have, of TensorFlow Lite's.
KINDS = ["tflite", "tflite_sparse", "tflite_float16", "tflite_dynamic", "tflite_clustered"]


@pytest.fixture(scope="module")
def model():
    """Nine tenths of its blocks of 1×4 are zeros."""
    found = plain(small(3, UNITS))
    for weight in found.trainable_weights:
        if len(weight.shape) == 2 and "attention" not in weight.path:
            weight.assign(weight.numpy() / np.sqrt(UNITS))
    return in_blocks(found, PRUNED)


@pytest.fixture(scope="module")
def samples():
    sources, targets = sentences(6, seed=1), [[BOS, *row] for row in sentences(6, seed=2)]
    return Samples((padded(sources, 7), padded(targets, 9)))


@pytest.fixture(scope="module")
def exported(model, samples, tmp_path_factory):
    options = ExportOptions(formats=KINDS)
    return export(model, options, tmp_path_factory.mktemp("stepwise"), samples)


@pytest.fixture(scope="module")
def files(exported):
    return {artifact.kind: artifact.path for artifact in exported.artifacts[1:]}


def test_all_are_written_and_give_what_the_model_gives(exported):
    assert not exported.failures
    assert [artifact.kind for artifact in exported.artifacts] == ["keras", *KINDS]
    for artifact in exported.artifacts:
        assert artifact.compared.correlation > 0.98, artifact
    bytes_of = {artifact.kind: artifact.size.bytes for artifact in exported.artifacts}
    assert bytes_of["tflite_sparse"] < 0.6 * bytes_of["tflite"]
    assert bytes_of["tflite_dynamic"] < bytes_of["tflite_float16"] < bytes_of["tflite"]


def test_what_else_can_be_had_where_zeros_are_single(samples, tmp_path):
    """16-bit floats in sparse encoding, which of blocks give NaN; and TensorFlow's own."""
    model, rng = plain(small(3, UNITS)), np.random.default_rng(0)
    for weight in model.trainable_weights:
        if len(weight.shape) == 2 and "attention" not in weight.path:
            kept = rng.random(weight.shape) >= PRUNED
            weight.assign(weight.numpy() * kept / np.sqrt(UNITS))
    kinds = ["tflite_float16", "tflite_float16_sparse", "saved_model"]
    found = export(model, ExportOptions(formats=kinds), tmp_path, samples)
    assert not found.failures
    bytes_of = {artifact.kind: artifact.size.bytes for artifact in found.artifacts}
    assert bytes_of["tflite_float16_sparse"] < bytes_of["tflite_float16"]
    assert FORMATS.find("saved_model").scored
    assert not FORMATS.find("saved_model").scores_pairs, "no search can ask it word by word"


def test_known_translations_get_the_models_log_probabilities(model, files, samples):
    expected = tf.nn.log_softmax(model(samples.inputs, training=False)).numpy()
    for kind in ("tflite", "tflite_sparse"):
        found = FORMATS.find(kind)().runner(files[kind])(samples.inputs)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_a_sentences_padding_and_its_neighbours_do_not_matter(files):
    file = tflite.opened(files["tflite"].read_bytes())
    rows = sentences(3, seed=4)
    values, keys, bias, *states = file.begin(padded(rows, 9))
    assert (values.shape, keys.shape, bias.shape) == ((3, 9, UNITS), (3, 9, UNITS), (3, 9))
    for number, row in enumerate(rows):
        alone = file.begin(np.array([row], np.int32))
        for whole, one in zip((values, keys, bias), alone, strict=False):
            np.testing.assert_allclose(whole[number, : len(row)], one[0], rtol=1e-4, atol=1e-5)
        for whole, one in zip(states, alone[3:], strict=True):
            np.testing.assert_allclose(whole[number], one[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["tflite", "tflite_sparse"])
@pytest.mark.parametrize("beam", [1, 4])
def test_the_same_search_finds_what_it_finds_with_the_model(model, files, kind, beam):
    sources, decoding = sentences(6, seed=5), Decoding(beam)
    file = FileSteps(FORMATS.find(kind)().runner(files[kind]))
    found, expected = (translate(one, decoding, sources) for one in (file, ModelSteps(model)))
    assert [one.ids for one in found] == [one.ids for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.score == pytest.approx(other.score, rel=1e-3, abs=1e-4)


def test_a_wrong_conversion_fails_and_takes_nothing_with_it(model, samples, tmp_path, monkeypatch):
    right = tflite.convert

    def scrambled(shipped, name, *options):
        broken = plain(shipped)
        broken.set_weights(
            [value[::-1] if value.ndim else value for value in shipped.get_weights()]
        )
        return right(broken, name, *options)

    monkeypatch.setattr(tflite, "convert", scrambled)
    options = ExportOptions(formats=["tflite", "tflite_dynamic"])
    found = export(model, options, tmp_path, samples)
    assert [artifact.kind for artifact in found.artifacts] == ["keras"]
    for failure in found.failures:
        assert f"(correlation {failure.correlation:.3f})" in failure.reason
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_a_file_that_does_not_take_its_inputs_is_told_in_a_line(files):
    file = tflite.opened(files["tflite"].read_bytes(), "model.tflite")
    values, keys, bias, *states = file.begin(padded([[5, 6]], 2))
    with pytest.raises(ExportError, match=r"^model\.tflite: does not run: [^\n]+$"):
        file.step(np.array([2], np.int32), values[..., :3], keys, bias, states[0], *states)


def test_a_sentence_is_timed_and_both_graphs_and_every_graphs_operations_are_told(files):
    kinds = ("tflite", "tflite_sparse")
    found = measure({kind: files[kind] for kind in kinds}, threads=[1])
    assert not found.failures
    dense, sparse = found.timings
    for one in (dense, sparse):
        assert one.parts.keys() == {"encode", "step"}
        summed = one.parts["encode"] + 25 * one.parts["step"]
        assert one.low_ms / 2 < summed < 2 * one.high_ms, "25 words to 25"
        assert one.ops["WHILE"] == 4, "two directions, two layers above"
        # in loops: 4; before them: 4, and the keys; a step: 3 layers, query, projection
        assert one.ops["FULLY_CONNECTED"] >= 4 + 5 + 5, one.ops
    assert not dense.sparse
    outside = 4 + 4  # before the loops, and of a step
    assert sparse.sparse["FULLY_CONNECTED"] > outside, "those in loops are told, too"
    told = found.metrics()
    assert {f"latency/tflite_sparse_{part}_ms" for part in ("encode", "step")} <= told.keys()
    assert re.search(r"encode \d+\.\d{3} ms; step \d+\.\d{3} ms", str(found))


def test_a_translation_model_can_be_weighed_without_a_file(model, exported):
    weighed = {artifact.kind: artifact.size for artifact in exported.artifacts}
    assert size_of(model).bytes == pytest.approx(weighed["tflite"].bytes, rel=0.01)


def test_the_signatures_tell_such_a_file(files):
    interpreter = tf.lite.Interpreter(str(files["tflite"]))
    assert tflite_child.takes_turns(interpreter)
    assert interpreter.get_signature_list()["encode"]["inputs"] == ["source"]


def test_formats_for_classifiers_are_refused_before_anything_runs():
    pairs = DATASETS.find("multi30k")()
    for kind in FORMATS.names():
        each = FORMATS.find(kind)()
        if not issubclass(FORMATS.find(kind), tflite.TfliteFormat):
            continue
        if each.translates:
            each.check(pairs)
        else:
            with pytest.raises(ConfigError, match=rf"received {kind} with dataset=multi30k"):
                each.check(pairs)
