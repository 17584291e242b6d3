"""The script that measures what only a GPU can show: to its end here, in small."""

import json

import pytest

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
    assert measured["mnist_cnn"]["peak_bytes"] is None
