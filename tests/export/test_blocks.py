"""Zeros in blocks of 1×4, which the runtime's sparse kernels leave out."""

import numpy as np
import pytest

from benchmarks.blocks import network
from harness.errors import ExportError
from harness.export import sparse, tflite
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
