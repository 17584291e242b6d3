"""Clustered kernels: zero is a value of its own, and k others a kernel; what they save."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.config import compose
from harness.config.identity import cell_id, trained_id
from harness.errors import ConfigError
from harness.export import (
    ExportOptions,
    Samples,
    export,
    tflite,
    tflite_clustered,
    tflite_weights,
)
from harness.export.clustering import CLUSTERS, cluster
from harness.export.int8 import convert
from harness.export.packed import load
from harness.models.layers.plain import plain
from harness.tasks.scores.accuracy import evaluate, evaluate_function
from tests.training import small

KINDS = ["tflite", "tflite_int8", "packed", "tflite_clustered", "packed_clustered"]
FEW = 8


@pytest.fixture(scope="module")
def model():
    """Trained, three quarters of its kernels zero, a batch normalization to be folded."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(16, 3, use_bias=False),
            layers.BatchNormalization(momentum=0.5),
            layers.ReLU(),
            layers.DepthwiseConv2D(2, depth_multiplier=4),
            layers.Conv2D(64, 1, activation="relu"),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(2),
        ]
    )
    for kernel in kernels(model):
        drawn = np.random.default_rng(kernel.shape[0]).random(kernel.shape)
        mask = tf.constant((drawn < 0.25).astype(np.float32))
        kernel.constraint = lambda value, mask=mask: value * mask
        kernel.assign(kernel * mask)
    model.compile(
        keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    model.fit(small.data().train(16, 0).take(200), shuffle=False, verbose=0)
    model.compiled = False
    return model


@pytest.fixture(scope="module")
def samples():
    inputs = next(small.data().test(10).as_numpy_iterator())[0]
    calibration = next(small.data().train(40, 0).as_numpy_iterator())[0]
    return Samples(inputs, {"calibration": calibration})


@pytest.fixture(scope="module")
def exported(model, samples, tmp_path_factory):
    options = ExportOptions(name="few", formats=KINDS, clusters=FEW)
    found = export(model, options, tmp_path_factory.mktemp("clustered"), samples)
    assert not found.failures
    return {artifact.kind: artifact for artifact in found.artifacts}


def kernels(model):
    return [weight for weight in model.trainable_weights if len(weight.shape) > 1]


def as_in_file(kernel: np.ndarray, depthwise: bool) -> np.ndarray:
    """A kernel with its axes in the order of TensorFlow Lite."""
    if depthwise:
        return kernel.reshape(*kernel.shape[:2], -1)[np.newaxis]
    return np.moveaxis(kernel, -1, 0)


def in_file(model, content):
    """Each kernel of a model, and the same of a file, by what is zero in them."""
    found = list(tflite_weights.kernels(content))
    for kernel, depthwise in zip(kernels(model), (False, True, False, False, False), strict=True):
        value = as_in_file(kernel.numpy(), depthwise).ravel()
        same = [one for one in found if one.size == value.size]
        assert len(same) == 1
        yield value, same[0]


def test_the_zeros_of_the_model_are_zeros_of_every_rounded_file(model, samples, exported):
    contents = {
        kind: exported[kind].path.read_bytes() for kind in ("tflite_clustered", "tflite_int8")
    }
    contents["converted"] = convert(plain(model), samples.more["calibration"])
    for content in contents.values():
        for value, stored in in_file(model, content):
            assert 0.5 < (value == 0).mean() < 0.95
            assert not stored[value == 0].any()
            assert stored[value != 0].any()
    for kind in ("packed", "packed_clustered"):
        for one, other in zip(kernels(load(exported[kind].path)), kernels(model), strict=True):
            assert not one.numpy()[other.numpy() == 0].any()


def test_the_share_of_zeros_in_a_rounded_file_is_told(model, exported):
    ours = np.concatenate([kernel.numpy().ravel() for kernel in kernels(model)])
    share = (ours == 0).mean()
    assert exported["tflite_clustered"].details["zeros"] == pytest.approx(share, abs=1e-6)
    assert share <= exported["tflite_int8"].details["zeros"] < share + 0.05, "a few are rounded off"


@pytest.mark.parametrize("kind", ["packed", "packed_clustered", "packed_float"])
def test_the_share_of_zeros_in_a_packed_file_is_told(kind, model, samples, exported, tmp_path):
    made = exported.get(kind)
    if made is None:
        (_, made) = export(model, ExportOptions(formats=[kind]), tmp_path, samples).artifacts
    left = [np.count_nonzero(one.numpy()) / one.numpy().size for one in kernels(model)]
    sizes = [one.numpy().size for one in kernels(model)]
    share = 1 - np.average(left, weights=sizes)
    assert share - 1e-6 <= made.details["zeros"] < share + 0.05


def test_a_file_that_lost_zeros_has_failed_in_a_line(model, samples, tmp_path, monkeypatch):
    """Values beside zero that the classes hardly notice."""

    def filled(values, k):
        indices, book = cluster(values, k)
        book[0] = 1e-6
        return indices, book

    monkeypatch.setattr(tflite_clustered, "cluster", filled)
    found = export(model, ExportOptions(formats=["tflite_clustered"]), tmp_path, samples)
    (failure,) = found.failures
    assert re.fullmatch(
        r"model_clustered\.tflite: [\d,]+ zeros are left of the [\d,]+ in the model's kernels; "
        r"accepted: files that keep them all",
        failure.reason,
    )
    assert not list(tmp_path.glob("*.tflite*"))


def test_large_kernels_have_so_many_values_and_small_ones_all(model, exported):
    clustered = exported["tflite_clustered"].path.read_bytes()
    floats = list(tflite_weights.kernels(exported["tflite"].path.read_bytes()))
    several = 0
    for stored, before in zip(tflite_weights.kernels(clustered), floats, strict=True):
        values = len(np.unique(stored[stored != 0]))
        if stored.size < tflite_weights.LEAST_SIZE:
            np.testing.assert_array_equal(stored, before)
        else:
            assert 2 <= values <= FEW < len(np.unique(before))
            several += 1
    assert several == 2
    for kernel in kernels(load(exported["packed_clustered"].path)):
        value = kernel.numpy()
        if value.size >= tflite_weights.LEAST_SIZE:
            assert len(np.unique(value[value != 0])) <= FEW


def test_they_weigh_less_and_still_tell_the_classes_apart(model, exported):
    least = {kind: artifact.size.least for kind, artifact in exported.items()}
    assert least["packed_clustered"] < least["packed"]
    assert least["tflite_clustered"] < least["tflite"]
    assert exported["tflite_clustered"].size.bytes == exported["tflite"].size.bytes
    assert evaluate(model, small.data().test(10)).accuracy == 1.0
    file = tflite.opened(exported["tflite_clustered"].path.read_bytes())
    assert evaluate_function(file, small.data().test(10)).accuracy >= 0.9
    again = load(exported["packed_clustered"].path)
    assert evaluate(again, small.data().test(10)).accuracy >= 0.9


def test_the_same_model_gives_the_same_bytes(model, samples, exported, tmp_path):
    options = ExportOptions(name="few", formats=KINDS[3:], clusters=FEW)
    for artifact in export(model, options, tmp_path, samples).artifacts[1:]:
        assert artifact.path.read_bytes() == exported[artifact.kind].path.read_bytes()


FINITE = st.floats(-10, 10, width=32).map(lambda x: 0.0 if abs(x) < 1e-3 else x)


@given(arrays(np.float32, st.integers(1, 60), elements=FINITE), st.integers(2, 20))
def test_zero_is_no_other_weights_value(weights, k):
    indices, book = cluster(weights, k)
    assert book[0] == 0
    assert len(book) <= k + 1
    np.testing.assert_array_equal(indices == 0, weights == 0)
    assert (np.diff(book[1:]) > 0).all()
    if weights.any():
        near = np.abs(weights[:, None] - book[None, 1:]).min(axis=1)
        mine = np.abs(weights - book[indices])
        np.testing.assert_allclose(mine[weights != 0], near[weights != 0], atol=1e-5)
    if len(np.unique(weights[weights != 0])) <= k:
        np.testing.assert_array_equal(book[indices], weights)


def test_values_are_the_means_of_what_lies_around_them():
    weights = np.float32([0, -3, -2, 0, 1, 1, 4, 4.5])
    indices, book = cluster(weights, 3)
    np.testing.assert_allclose(book, [0, -2.5, 1, 4.25])
    np.testing.assert_array_equal(indices, [0, 1, 1, 0, 2, 2, 3, 3])
    indices, book = cluster(np.zeros((2, 3)), 4)
    assert book.tolist() == [0]
    assert indices.shape == (2, 3)


@pytest.mark.parametrize("k", [-1, 0, 1, 128])
def test_too_few_or_too_many_values_are_refused(k):
    line = rf"export\.clusters: received {k}; accepted: a whole number from 2 to 127, or null for"
    with pytest.raises(ConfigError, match=line):
        compose([f"export.clusters={k}"])


def test_translations_can_have_both():
    formats = "export.formats=[tflite_clustered,packed_clustered]"
    given = compose(["experiment=gnmt_multi30k", formats])
    assert [each.clusters for each in given.export.chosen()] == [CLUSTERS] * 2


def test_how_many_there_are_decides_how_a_cell_is_measured_and_nothing_else():
    plain, few = compose(["export=all"]), compose(["export=all", "export.clusters=4"])
    assert trained_id(plain, "x") == trained_id(few, "x")
    assert cell_id(plain, "x") != cell_id(few, "x")
    formats = {each.kind: each for each in few.export.chosen()}
    assert formats["tflite_clustered"].clusters == formats["packed_clustered"].clusters == 4
