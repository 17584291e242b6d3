"""The script that measures what only a GPU can show: to its end here, in small."""

import json

import pytest
import tensorflow as tf

from benchmarks import gpu
from tests.settings import ROOT, shell


@pytest.mark.slow
def test_it_runs_to_its_end_and_names_what_this_machine_cannot_tell(tmp_path):
    short = ("--quick", "--rounds", "1", "--count", "1", "--out", str(tmp_path / "gpu.json"))
    done = shell(*short, cwd=ROOT, module="benchmarks.gpu")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((tmp_path / "gpu.json").read_text())
    assert told["not_of_a_gpu"].keys() == {"ratios", "images_per_second", "peak_bytes", "gnmt"}
    assert told["machine"]["devices"] == "CPU"
    measured = told["models"]
    assert measured.keys() == {"mnist_cnn", "gnmt"}
    assert measured["gnmt"]["cuDNN / by hand"] is None
    assert all(ms > 0 for ms in measured["gnmt"]["milliseconds"].values())
    assert len(measured["mnist_cnn"]["ratios"]) == 8
    assert all(ratio > 0 for ratio in measured["mnist_cnn"]["ratios"].values())
    (held,) = told["memory"].values()
    assert held["at_once"] == 4
    assert held["foreseen_bytes"] > 1e6
    assert held["peak_bytes"] is None
    assert told["machine"].keys() >= {"commit", "changed", "built_for"}


def test_a_model_that_does_not_fit_leaves_the_others_to_be_measured():
    def full():
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating\nmore")

    assert gpu.tried(full) == {"out_of_memory": "OOM when allocating"}
    assert gpu.tried(lambda: {"ratios": 1}) == {"ratios": 1}
