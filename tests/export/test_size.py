"""What files weigh."""

import gzip
import lzma
import os
import random
import subprocess
import sys
import time
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from harness.config import compose
from harness.errors import ConfigError, ExportError
from harness.export import size, size_of, tflite
from harness.export.size import Size, measure
from harness.pruning import OneShot, Pruner, Unstructured
from tests.pruning.small_models import perceptron


def test_sizes_are_those_of_the_file_and_of_its_gzip(tmp_path):
    content = random.Random(0).randbytes(5000) + bytes(5000)
    path = tmp_path / "file"
    path.write_bytes(content)
    found = measure(path)
    assert found.bytes == 10_000
    assert 5000 < found.gzip_bytes < 5200
    assert found.gzip_bytes == len(gzip.compress(content, 9))


def test_only_the_ways_that_are_asked_for_are_taken(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(random.Random(0).randbytes(5000) + bytes(5000))
    whole = measure(path)
    assert whole.least == min(whole.gzip_bytes, whole.zstd_bytes, whole.xz_bytes) < 5100
    assert measure(path, ["gzip"]) == Size(10_000, whole.gzip_bytes)
    assert measure(path, ["xz", "gzip"]) == replace(whole, zstd_bytes=None)
    assert measure(path) == whole


@pytest.mark.parametrize("ways", ["[gzip,gzip]", "[xz]", "[]", "[gzip,zip]"])
def test_gzip_is_always_among_the_ways(ways):
    with pytest.raises(ConfigError, match=r"^export.compress: received .*; accepted: .*gzip"):
        compose([f"export.compress={ways}"])


def test_many_are_weighed_at_once_and_the_same_content_once(tmp_path, monkeypatch):
    lengths = []
    right = lzma.compress

    def counted(content):
        lengths.append(len(content))
        return right(content)

    monkeypatch.setitem(size.WAYS, "xz", counted)
    contents = [random.Random(number).randbytes(3000 + number) for number in range(4)]
    for number, content in enumerate([*contents, contents[0]]):
        (tmp_path / str(number)).write_bytes(content)
    with size.Scales() as scales:
        waiting = [scales.weigh(tmp_path / str(number)) for number in range(5)]
        found = [each() for each in waiting]
    assert sorted(lengths) == [3000, 3001, 3002, 3003]
    assert found[0] == found[4]
    assert [each.xz_bytes for each in found[:4]] == [len(right(each)) for each in contents]


def test_what_failed_once_is_tried_again(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(random.Random(9).randbytes(999))

    def no_memory(content):
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setitem(size.WAYS, "xz", no_memory)
        with pytest.raises(MemoryError):
            measure(path)
    assert measure(path).bytes == 999


def test_name_and_time_do_not_count(tmp_path, monkeypatch):
    for name in ("a", "a_much_longer_name"):
        (tmp_path / name).write_bytes(b"the same" * 100)
    first = measure(tmp_path / "a")
    os.utime(tmp_path / "a", (0, 0))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1e6)
    assert first == measure(tmp_path / "a") == measure(tmp_path / "a_much_longer_name")


def test_measuring_imports_nothing_heavy():
    code = """
import sys
import harness.export, harness.export.size
assert not {"tensorflow", "keras"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


class TestOfAModel:
    def test_is_that_of_its_file_and_zeros_cost_nothing_gzipped(self, tmp_path):
        model = perceptron()
        dense = size_of(model)
        pruner = Pruner(Unstructured(), OneShot(0.9)).attach(model)
        sparse = size_of(model)
        tflite.write(tmp_path / "model.tflite", tflite.convert(model))
        assert sparse == measure(tmp_path / "model.tflite")
        assert sparse.bytes == dense.bytes > 640 * 4
        assert dense.gzip_bytes - sparse.gzip_bytes > 0.5 * 640 * 4
        assert pruner.attached

    def test_a_subclassed_model_read_from_a_file(self, tmp_path):
        model = Net()
        model(np.ones((2, 16), np.float32))
        fresh = size_of(model)
        model.save(tmp_path / "net.keras")
        loaded = keras.models.load_model(tmp_path / "net.keras", custom_objects={"Net": Net})
        assert size_of(loaded).bytes == pytest.approx(fresh.bytes, rel=0.1)
        x = np.ones((3, 16), np.float32)
        content = tflite.convert(tflite.with_inputs(loaded))
        np.testing.assert_allclose(tflite.run(content, x), model(x), rtol=1e-5)

    def test_mixed_precision_weighs_what_float32_does(self):
        def built(policy):
            net = [keras.Input([8]), keras.layers.Dense(16, dtype=policy)]
            return keras.Sequential([*net, keras.layers.Dense(3, dtype="float32")])

        mixed, plain = built("mixed_bfloat16"), built("float32")
        plain.set_weights(mixed.get_weights())
        assert size_of(mixed).gzip_bytes == pytest.approx(size_of(plain).gzip_bytes, rel=0.05)

    def test_a_batch_tells_what_the_file_does_not(self, tmp_path):
        model = Net(layers.Embedding(9, 4), layers.Flatten())
        tokens = np.array([[1, 2, 3]], np.int32)
        model(tokens)
        model.save(tmp_path / "net.keras")
        loaded = keras.models.load_model(tmp_path / "net.keras", custom_objects={"Net": Net})
        content = tflite.convert(tflite.with_inputs(loaded, tokens))
        (slot,) = tf.lite.Interpreter(model_content=content).get_input_details()
        assert slot["dtype"] == np.int32
        assert size_of(loaded, tokens).bytes == len(content)

    def test_nothing_known_of_the_inputs_is_said(self):
        with pytest.raises(ExportError, match=r"size_of\(model, inputs\)"):
            size_of(Net())


class Net(keras.Model):
    def __init__(self, *parts, **options):
        super().__init__(**options)
        self.parts = list(parts) or [layers.Dense(32, "relu"), layers.Dense(4)]

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x

    def get_config(self):
        parts = [keras.saving.serialize_keras_object(part) for part in self.parts]
        return {**super().get_config(), "parts": parts}

    @classmethod
    def from_config(cls, config):
        parts = [keras.saving.deserialize_keras_object(part) for part in config.pop("parts")]
        return cls(*parts, **config)
