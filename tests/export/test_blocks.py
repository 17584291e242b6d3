"""Zeros in blocks of 1×4, which the runtime's sparse kernels leave out."""

import keras
import numpy as np
import pytest

from benchmarks.blocks import network
from harness.errors import ExportError
from harness.export import sparse, tflite
from harness.export.comparison import CORRELATION, correlate
from harness.export.dynamic import TfliteDynamic
from harness.export.float16_sparse import TfliteFloat16Sparse
from harness.export.timing.latency import measure


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_a_recurrent_network_gives_what_its_model_gives_and_its_layers_run_sparse(share, tmp_path):
    examples = np.random.default_rng(0).normal(size=(2, 16, 64)).astype(np.float32)
    path = tmp_path / "model.tflite"
    compared = tflite.to_tflite(network(64, 64, share), path, examples, 1e-3, sparse.sparsely)
    assert compared.correlation > 0.999
    (timing,) = measure({"tflite_sparse": path}, threads=[1]).timings
    if share:
        assert timing.sparse["FULLY_CONNECTED"] > 1, "those in the LSTMs' loops are told, too"
    else:
        assert not timing.sparse
    assert timing.ops["WHILE"] == 2


def test_the_benchmark_takes_no_time_of_operations_that_run_dense(monkeypatch):
    monkeypatch.setattr(sparse, "sparsely", lambda converter: None)
    monkeypatch.setattr("benchmarks.blocks._SMALL", (32, 32))
    from benchmarks.blocks import ratios

    with pytest.raises(ExportError, match=r"0\.8: all operations run dense"):
        ratios(quick=True)


def dense_layer(block):
    """Nine tenths of its weights are zeros, in blocks of so many inputs."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((256,)), keras.layers.Dense(256, use_bias=False)])
    kept = np.random.default_rng(0).random((256 // block, 1, 256)) >= 0.9
    kernel = model.layers[0].kernel
    kernel.assign(kernel * np.repeat(kept, block, 1).reshape(256, 256))
    return model


def ran(block, options):
    """What a file of that layer gives, and what it is to give."""
    examples = np.random.default_rng(1).normal(size=(16, 256)).astype(np.float32)
    model = dense_layer(block)
    content = tflite.convert(model, options=options)
    return tflite.run(content, examples), tflite.expected(model, examples)


@pytest.mark.slow  # if it fails, the runtime was mended: docs/export.md says otherwise
def test_16_bit_floats_in_blocks_are_no_numbers():
    outputs, _ = ran(4, TfliteFloat16Sparse().options)
    assert np.isnan(outputs).any()
    outputs, expected = ran(1, TfliteFloat16Sparse().options)
    assert correlate(outputs, expected) > 0.999, "single zeros are filled in again"


@pytest.mark.slow  # likewise
def test_dynamic_integers_without_their_zeros_are_wrong_in_silence():
    def sparsely(converter):
        TfliteDynamic().options(converter)
        sparse.sparsely(converter)

    outputs, expected = ran(16, sparsely)
    assert np.isfinite(outputs).all()
    assert correlate(outputs, expected) < CORRELATION
    outputs, expected = ran(16, TfliteDynamic().options)
    assert correlate(outputs, expected) > 0.999, "with their zeros they are right"
