"""Timing: in processes of their own, side by side, and what died is said."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import keras
import numpy as np
import pytest

from harness.errors import ExportError
from harness.export import sparse, tflite
from harness.export.timing import latency as measuring
from harness.export.timing import machine
from harness.export.timing.latency import measure
from harness.export.timing.times import (
    DENSE_WEIGHTS,
    NO_GAIN,
    Latency,
    Speedup,
    Timing,
    median_interval,
    speedup,
)


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
        patch.setattr(measuring, "TURN_MS", 2.0)
        patch.setattr(measuring, "ROUNDS", 3)
        patch.setattr(measuring, "_MOST", 3)
        return measure(files, threads=[1, 2])


def test_every_file_and_number_of_threads(found):
    expected = [(kind, n) for n in (1, 2) for kind in ("tflite", "blocks_sparse", "single_sparse")]
    assert [(one.kind, one.threads) for one in found.timings] == expected
    for one in found.timings:
        assert 0 < one.low_ms <= one.median_ms <= one.high_ms
        assert one.runs >= 3
        assert len(one.rounds) == 3
    kinds = {"dense", *(kind for kind, _ in expected)}  # its own dense network
    assert found.metrics().keys() == {
        f"latency/{kind}_{threads}{what}"
        for kind in kinds
        for threads in ("", "all_threads_")
        for what in ("ms", "low_ms", "high_ms", "speedup")
    }
    assert "Lite" in found.runtime


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are not to be chosen")
def test_all_threads_are_as_many_as_the_cores_that_it_may_use(files):
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        found = measure({"tflite": files["tflite"]})
    finally:
        os.sched_setaffinity(0, cores)
    assert [one.threads for one in found.timings] == [1]


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
    child = measuring._Child(files["tflite"], 1)
    os.kill(child._process.pid, signal.SIGSEGV)
    with pytest.raises(ExportError, match=r"^tflite: its interpreter died of signal 11"):
        child.turn()
    child.end()


def test_one_that_dies_at_its_turn_takes_nothing_with_it(files, monkeypatch):
    monkeypatch.setattr(measuring, "TURN_MS", 1.0)
    monkeypatch.setattr(measuring, "ROUNDS", 2)
    monkeypatch.setattr(measuring, "_MOST", 2)
    turn = measuring._Child.turn

    def dies(child):
        if child._name == "blocks_sparse":
            os.kill(child._process.pid, signal.SIGSEGV)
        turn(child)

    monkeypatch.setattr(measuring._Child, "turn", dies)
    found = measure({kind: files[kind] for kind in ("tflite", "blocks_sparse")}, threads=[1])
    assert [one.kind for one in found.timings] == ["tflite"]
    assert found.failures["blocks_sparse"].startswith(
        "blocks_sparse: its interpreter died of signal 11"
    )


def test_one_that_does_not_answer_is_given_up(files, monkeypatch):
    child = measuring._Child(files["tflite"], 1)
    monkeypatch.setattr(measuring, "PATIENCE", 0.3)
    os.kill(child._process.pid, signal.SIGSTOP)
    with pytest.raises(ExportError, match=r"its interpreter gave no answer in 0.3 s"):
        child.turn()
    child.end()


def timing(kind, median, sparse=(), rounds=None, threads=1):
    rounds = rounds or [median] * 6
    return Timing(
        kind, threads, median, 0.99 * median, 1.01 * median, 100, rounds, {}, dict(sparse)
    )


@pytest.mark.parametrize("count", [6, 15, 60, 200])
def test_the_interval_of_a_median_holds_it_as_often_as_said(count):
    draws = np.random.default_rng(count).lognormal(0.0, 0.3, (4000, count))  # of median 1
    ends = np.array([median_interval(each) for each in draws])
    held = np.mean((ends[:, 0] <= 1.0) & (ends[:, 1] >= 1.0))
    assert 0.94 < held < 0.98


def test_a_few_rounds_tell_no_interval():
    assert speedup([2.0] * 5, [1.0] * 5).uncertainty == float("inf")
    assert speedup([2.0] * 6, [1.0] * 6) == Speedup(2.0, 2.0, 2.0, 0.0)


class Others(machine.Watch):
    """A machine of which so much is taken."""

    def __init__(self, share):
        self._share = share

    def others(self, running=()):
        assert set(running) == {os.getpid()}
        return self._share


class Child:
    """A file whose turns vary by so much of their median, from one to the next."""

    def __init__(self, share):
        self._draw, self._share, self.rounds = np.random.default_rng(1), share, []
        self.pid = os.getpid()

    def turn(self):
        self.rounds.append(float(np.exp(self._draw.normal(0.0, self._share))))


@pytest.mark.parametrize(
    ("share", "least", "most"), [(0.005, 15, 15), (0.08, 40, 120), (2.0, 200, 200)]
)
def test_turns_are_taken_until_factors_are_certain(share, least, most):
    children = {"dense": Child(0.0), "tflite": Child(0.0), "tflite_int8": Child(share)}
    measuring._take_turns(children, {}, Others(None))
    (taken,) = {len(each.rounds) for each in children.values()}
    assert least <= taken <= most


def test_turns_end_in_time_and_beside_other_work(monkeypatch):
    for others, seconds in ((0.5, 60.0), (0.0, 0.0)):
        monkeypatch.setattr(measuring, "_SECONDS", seconds)
        children = {"tflite": Child(0.0), "tflite_int8": Child(2.0)}
        measuring._take_turns(children, {}, Others(others))
        assert len(children["tflite"].rounds) == 15


def test_factors_are_of_the_same_round():
    base = timing("dense", 2.0, rounds=[2.0, 20.0, 2.0])  # something disturbed the second round
    found = Latency([base, timing("tflite", 1.0, rounds=[1.0, 10.0, 1.0])], {}, "x", [])
    assert found.metrics()["latency/tflite_speedup"] == 2.0
    assert found.speedup(found.timings[1]).low == 2.0


def test_the_dense_baseline_is_what_counts():
    both = [timing("tflite", 1.0), timing("tflite_int8", 0.5)]
    own = Latency(both, {}, "x", [])
    assert own.reference == "tflite"
    assert own.metrics()["latency/dense_int8_speedup"] == 2.0
    assert own.fastest() == "tflite_int8"
    beside = Latency([timing("dense", 3.0), timing("dense_int8", 1.5), *both], {}, "x", [])
    assert beside.reference == "dense"
    told = beside.metrics()
    assert (told["latency/dense_ms"], told["latency/dense_int8_speedup"]) == (3.0, 2.0)
    assert (told["latency/tflite_speedup"], told["latency/tflite_int8_speedup"]) == (3.0, 6.0)
    assert beside.fastest() == "tflite_int8"
    alone = Latency([timing("dense_int8", 1.0), timing("packed", 1.0)], {}, "x", [])
    assert alone.fastest() is None, "there is nothing to compare with"


def test_without_a_dense_file_there_are_no_factors_and_that_is_said():
    alone = Latency([timing("tflite_int8", 1.0)], {}, "LiteRT 2", ["avx2"])
    assert (
        str(alone).splitlines()[0].endswith("; no factors, for neither dense nor tflite was timed")
    )
    assert "×" not in str(alone)


def test_a_gain_and_no_gain_are_said():
    timings = [
        timing("tflite", 2.0),
        timing("tflite_sparse", 1.98),
        timing("tflite_int8", 1.0),
        timing("tflite_float16_sparse", 0.5, sparse={"FULLY_CONNECTED": 2}),
    ]
    lines = str(Latency(timings, {}, "LiteRT 2", ["avx2"])).splitlines()
    assert "LiteRT 2, batch 1; " in lines[0]
    assert lines[0].endswith(": avx2; factors against tflite")
    assert [NO_GAIN in line for line in lines[1:]] == [False, True, False, False]
    assert "2.00× (2.00-2.00)" in lines[3]
    assert lines[4].endswith("sparse: 2 FULLY_CONNECTED")
    assert "BUSY" not in lines[-1]


@pytest.mark.parametrize("median", [1.0, 2.0])
def test_a_sparse_file_that_runs_dense_says_so_whatever_its_factor(median):
    timings = [timing("tflite", 2.0), timing("tflite_sparse", median)]
    *_, last = str(Latency(timings, {}, "x", [])).splitlines()
    assert DENSE_WEIGHTS in last
    assert (NO_GAIN in last) == (median == 2.0)


def test_what_gained_nothing_though_kernels_skip_zeros_says_so():
    found = Latency(
        [timing("tflite", 2.0), timing("tflite_sparse", 2.0, sparse={"FULLY_CONNECTED": 3})],
        {}, "x", [],
    )  # fmt: skip
    assert NO_GAIN not in str(found)
    assert DENSE_WEIGHTS not in str(found)
    assert str(found).endswith("no gain: kernels that skip these zeros are no faster here")


def test_the_graphs_of_a_translation_model_have_times_and_factors():
    both = [timing("dense", 60.0), timing("tflite_sparse", 20.0)]
    parts = {"encode": 10.0, "step": 2.0}, {"encode": 7.5, "step": 0.5}
    found = Latency([replace(one, parts=told) for one, told in zip(both, parts, strict=True)],
                    {}, "x", [])  # fmt: skip
    told = found.metrics()
    assert (told["latency/dense_step_ms"], told["latency/tflite_sparse_step_ms"]) == (2.0, 0.5)
    assert told["latency/tflite_sparse_step_speedup"] == 4.0
    assert told["latency/tflite_sparse_encode_speedup"] == 1.3333
    assert "encode 7.500 ms; step 0.500 ms" in str(found)


def test_a_busy_machine_is_flagged():
    def doubts(others, *timings, alike=False):
        return measuring._doubts(others, Latency(list(timings), {}, "x", []), alike)

    calm = timing("tflite", 1.0)
    wide = timing("tflite_int8", 1.0, rounds=[1.0, 1.5, 1.0, 0.5, 1.0, 1.0])
    assert doubts(0.05, calm) == ""
    assert doubts(None, calm) == ""
    assert doubts(0.5, calm) == "other work took 50% of the cores' time"
    told = doubts(0.05, calm, wide)
    assert told == "1 of 2 factors are known to 5% or worse (tflite_int8 ±67%)"
    dense = replace(calm, kind="dense")
    assert doubts(None, dense, calm, alike=True) == ""
    slow = timing("tflite", 1.25)
    off = doubts(None, dense, slow, alike=True)
    assert off == "tflite, of the dense file's shape, came out 0.80x as fast as it by 1 thread"
    assert doubts(None, dense, slow) == "", "a network of fewer channels"
    assert f"BUSY MACHINE, times doubtful: {told}" in str(Latency([wide], {}, "x", [], told))


@pytest.mark.skipif(not machine._STAT.exists(), reason="the system does not say")
def test_what_others_take_is_seen_and_what_the_files_take_is_not():
    burn = "import time\nwhile time.process_time() < 1.5: pass\ntime.sleep(60)"
    watch = machine.Watch()
    other = subprocess.Popen([sys.executable, "-c", burn])
    while machine._ticks_of(other.pid) < 1.4 * os.sysconf("SC_CLK_TCK"):
        time.sleep(0.05)
    seen, own = watch.others(), watch.others([other.pid])
    other.kill()
    other.wait()
    assert own < seen, "it is one's own work, if one says so"
    assert watch.others() < seen, "a child that has ended is one's own"
    assert machine._ticks_of(other.pid) == 0
