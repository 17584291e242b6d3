"""`sparsity=channels`, end to end: a cell, its smaller files, and those of an export."""

import json

import keras
import pytest

from tests.runs import copied, runs
from tests.settings import TINY, harness

CELL = (*TINY, "sparsity=channels", "sparsity.target=0.5", "tracking.experiment=tiny")


@pytest.fixture(scope="module")
def folder(swept, tmp_path_factory):
    return copied(swept.folder, tmp_path_factory.mktemp("shrinking") / "copy")


@pytest.fixture(scope="module")
def run(folder):
    formats = "export.formats=[tflite,keras_shrunk,tflite_shrunk]"
    done = harness("run", *CELL, formats, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    every = runs(f"sqlite:///{folder / 'mlflow.db'}")
    (found,) = [one for one in every if "size/tflite_shrunk_bytes" in one.metrics]
    return found


def test_a_cell_has_smaller_files_of_the_same_accuracy(run):
    told = run.metrics
    assert told["sparsity/prunable"] == pytest.approx(0.5)
    assert told["size/tflite_shrunk_bytes"] < 0.7 * told["size/tflite_bytes"]
    assert told["size/keras_shrunk_multiply_adds"] < 0.5 * told["multiply_adds/dense"]
    for kind in ("keras_shrunk", "tflite_shrunk"):
        assert told[f"test_{kind}/accuracy_difference"] == 0


def test_all_files_are_written_of_the_smaller_model(folder, run):
    arguments = (run.id, "--shrink", "--formats", "tflite,tflite_int8,packed", "--out", "small")
    done = harness("export", *arguments, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((folder / "small" / "export.json").read_text())
    before, after = told["shrunk"]["multiply_adds"]
    assert (before, after) == (
        run.metrics["multiply_adds/dense"],
        run.metrics["size/keras_shrunk_multiply_adds"],
    )
    assert f"multiply-adds {before:,} -> {after:,}" in done.stdout
    assert told["metrics"]["test/accuracy"] == pytest.approx(run.metrics["test/accuracy"])
    for kind in ("tflite", "tflite_int8", "packed"):
        assert told["metrics"][f"size/{kind}_bytes"] > 0
    assert told["metrics"]["size/tflite_bytes"] == run.metrics["size/tflite_shrunk_bytes"]
    small = keras.saving.load_model(folder / "small" / "model.keras")
    assert [small.get_layer(name).filters for name in ("conv_1", "conv_2")] == [2, 4]
    assert small.count_params() == told["shrunk"]["parameters"][1]


def test_a_model_without_dead_channels_is_refused_in_a_line(folder):
    dense = (*TINY, "sparsity=dense", "tracking.experiment=tiny")
    done = harness("export", *dense, "--shrink", "--formats", "tflite", cwd=folder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "has no dead channels to remove: prune it with whole" in done.stderr.splitlines()[-1]


def test_what_it_would_do_is_described_without_training(folder):
    done = harness("describe", *CELL, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "dies with its channels" in done.stdout
    assert json.loads(done.stdout)
