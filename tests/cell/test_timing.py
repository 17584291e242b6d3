"""`export.latency`: a cell's files timed beside its dense baseline's; nothing is trained for it."""

import json
import subprocess

import pytest

from harness.config import compose
from harness.config.identity import cell_id, trained_id
from harness.system.cores import usable
from tests.runs import copied, runs
from tests.settings import ROOT, TINY, command, environment, harness

FORMATS = "export.formats=[tflite,tflite_sparse,tflite_int8]"
TRACKING = "tracking.experiment=tiny"
#: One core has no times by all threads beside those by one.
THREADS = ("", "all_threads_") if len(usable()) > 1 else ("",)
#: Kills the process that is to run a file, before it says a word.
DIES = """
import os, signal, sys
if sys.orig_argv[-2].endswith("model_int8.tflite"):
    os.kill(os.getpid(), signal.SIGSEGV)
"""


def new(folder, old):
    found = runs(f"sqlite:///{folder / 'mlflow.db'}")
    return {run.params["sparsity.label"]: run for run in found if run.id not in old}


@pytest.fixture(scope="module")
def old(swept):
    return {run.id for run in runs(swept.uri)}


@pytest.fixture(scope="module")
def timed(swept, old, tmp_path_factory):
    """A dense cell and a sparse one, with times."""
    folder = copied(swept.folder, tmp_path_factory.mktemp("timed") / "copy")
    sparse = ("sparsity=random", "sparsity.target=0.75", TRACKING)
    done = harness("run", *TINY, *sparse, FORMATS, "export.latency=true", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 cells are measured anew, none is trained." in done.stdout
    return new(folder, old)


def test_it_is_a_measurement_that_is_off_unless_asked_for():
    plain, off, on = (
        compose([*TINY, *more])
        for more in ((), ("export.latency=false",), ("export.latency=true",))
    )
    assert len({trained_id(config, "f") for config in (plain, off, on)}) == 1
    assert cell_id(plain, "f") == cell_id(off, "f") != cell_id(on, "f")


def test_a_sparse_cell_stands_beside_its_dense_baseline(timed):
    run = timed["random 75%"]
    kinds = ("dense", "dense_int8", "tflite", "tflite_sparse", "tflite_int8")
    for kind in kinds:
        for threads in THREADS:
            low, median, high = (
                run.metrics[f"latency/{kind}_{threads}{what}ms"] for what in ("low_", "", "high_")
            )
            assert 0 < low <= median <= high
            assert run.metrics[f"latency/{kind}_{threads}speedup"] > 0
    assert run.metrics["latency/dense_speedup"] == 1.0
    assert run.tags["harness.latency.reference"] == "dense"
    best = run.tags["harness.latency.best"]
    assert run.metrics["latency/best_speedup"] == run.metrics[f"latency/{best}_speedup"]
    assert best in ("tflite", "tflite_sparse", "tflite_int8")
    scored = {"tflite_int8": "test_int8"}.get(best, f"test_{best}")
    assert run.metrics["latency/best_quality"] == run.metrics[f"{scored}/accuracy"]
    assert "Lite" in run.tags["harness.latency.runtime"]
    assert ": " in run.tags["harness.latency.cpu"]
    told = json.loads(run.path("latency.json").read_text())
    assert {one["kind"] for one in told["timings"]} == set(kinds)
    assert all(one["ops"] and len(one["rounds"]) > 1 for one in told["timings"])


def test_a_cell_without_a_file_to_be_timed_says_so(swept, old, tmp_path):
    folder = copied(swept.folder, tmp_path / "copy")
    words = ("sparsity=dense", "export.formats=[]", "export.latency=true", TRACKING)
    done = harness("run", *TINY, *words, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = new(folder, old).values()
    assert (
        "Not timed: export.latency: needs a TensorFlow Lite file, such as the format tflite, and"
        " none was written" in run.tags["mlflow.note.content"]
    )
    assert not [name for name in run.metrics if name.startswith("latency/")]


def test_a_dense_cell_is_its_own_baseline(timed):
    run = timed["dense"]
    assert run.tags["harness.latency.reference"] == "tflite"
    for what in ("speedup", *(f"{threads}ms" for threads in THREADS)):
        assert run.metrics[f"latency/dense_{what}"] == run.metrics[f"latency/tflite_{what}"]
        assert (
            run.metrics[f"latency/dense_int8_{what}"] == run.metrics[f"latency/tflite_int8_{what}"]
        )
    assert run.metrics["latency/dense_speedup"] == 1.0


def test_a_cell_survives_an_interpreter_that_dies(swept, old, tmp_path):
    folder = copied(swept.folder, tmp_path / "copy")
    (tmp_path / "sitecustomize.py").write_text(DIES)
    words = ("run", *TINY, "sparsity=dense", FORMATS, "export.latency=true", TRACKING)
    done = subprocess.run(
        command(*words),
        cwd=folder,
        env={**environment(), "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = new(folder, old).values()
    assert run.status == "FINISHED"
    reason = run.tags["harness.latency.failed.tflite_int8"]
    assert reason.startswith("model_int8.tflite: its interpreter died of signal 11")
    assert f"Not timed: tflite_int8: {reason}" in run.tags["mlflow.note.content"]
    assert "latency/tflite_int8_ms" not in run.metrics
    assert run.metrics["latency/tflite_ms"] > 0
    assert run.metrics["test_int8/accuracy"] > 0, "it was scored all the same"
