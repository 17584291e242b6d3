"""Timing: in processes of their own, side by side, and what died is said."""

import os
import signal

import keras
import numpy as np
import pytest

from harness.errors import ExportError
from harness.export import sparse, tflite
from harness.export.timing import latency
from harness.export.timing.latency import NO_GAIN, Latency, Timing, measure


def net(share, block):
    """One wide layer, of whose weights a share is zero, in blocks of so many inputs."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((256,)), keras.layers.Dense(256, use_bias=False)])
    kept = np.random.default_rng(0).random((256 // block, 1, 256)) >= share
    kernel = model.layers[0].kernel
    kernel.assign(kernel * np.repeat(kept, block, 1).reshape(256, 256))
    return model


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("latency")
    contents = {
        "tflite": tflite.convert(net(0.9, 4)),
        "blocks_sparse": tflite.convert(net(0.9, 4), options=sparse.sparsely),
        "single_sparse": tflite.convert(net(0.9, 1), options=sparse.sparsely),
        "broken": b"TFL3 no model",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents}


@pytest.fixture(scope="module")
def found(files):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "TURN_MS", 2.0)
        patch.setattr(latency, "ROUNDS", 3)
        return measure(files, threads=[1, 2])


def test_every_file_and_number_of_threads(found):
    expected = [(kind, n) for n in (1, 2) for kind in ("tflite", "blocks_sparse", "single_sparse")]
    assert [(one.kind, one.threads) for one in found.timings] == expected
    for one in found.timings:
        assert 0 < one.low_ms <= one.median_ms <= one.high_ms
        assert one.runs >= 3
    assert found.metrics().keys() == {
        f"latency/{kind}_{threads}ms" for kind, _ in expected for threads in ("", "all_threads_")
    }
    assert "Lite" in found.runtime


def test_which_operations_are_sparse(found):
    by_kind = {one.kind: one for one in found.timings}
    assert by_kind["tflite"].sparse == {}
    assert by_kind["blocks_sparse"].sparse == {"FULLY_CONNECTED": 1}
    assert by_kind["single_sparse"].sparse == {}, "filled in again before it runs"
    assert by_kind["single_sparse"].ops == {"DENSIFY": 1, "FULLY_CONNECTED": 1}


def test_what_does_not_open_takes_nothing_with_it(found):
    assert found.failures.keys() == {"broken"}
    assert found.failures["broken"].startswith("broken: its interpreter ended with 1: ")
    assert "not timed: broken: " in str(found)


def test_an_interpreter_that_dies_is_told(files):
    child = latency._Child(files["tflite"], 1)
    os.kill(child._process.pid, signal.SIGSEGV)
    with pytest.raises(ExportError, match=r"^tflite: its interpreter died of signal 11"):
        child.turn()


def timing(kind, median, spread=0.02, sparse=()):
    half = median * spread / 2
    return Timing(kind, 1, median, median - half, median + half, 100, {}, dict(sparse))


def test_a_gain_and_no_gain_are_said():
    timings = [
        timing("tflite", 2.0),
        timing("tflite_sparse", 1.98),
        timing("tflite_int8", 1.0),
        timing("tflite_float16_sparse", 0.5, sparse={"FULLY_CONNECTED": 2}),
    ]
    lines = str(Latency(timings, {}, "LiteRT 2", ["avx2"])).splitlines()
    assert "LiteRT 2, batch 1; " in lines[0]
    assert lines[0].endswith(": avx2")
    assert [NO_GAIN in line for line in lines[1:]] == [False, True, False, False]
    assert "2.00×" in lines[3]
    assert lines[4].endswith("sparse: 2 FULLY_CONNECTED")
    assert "BUSY" not in lines[-1]


def test_a_busy_machine_is_flagged():
    calm, wide = timing("tflite", 1.0), timing("tflite_int8", 1.0, spread=0.5)
    assert latency._doubts(0.1, [calm]) == ""
    assert "load 0.90 a core" in latency._doubts(0.9, [calm])
    doubts = latency._doubts(0.1, [calm, wide])
    assert doubts == "1 of 2 spread over 20% or more of their median (tflite_int8 50%)"
    assert f"BUSY MACHINE, times doubtful: {doubts}" in str(Latency([wide], {}, "x", [], doubts))
