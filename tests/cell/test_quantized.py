"""A cell fine-tuned with the rounding of 8-bit files: what it logs, and that it can be resumed."""

import os
import signal

import pytest

from harness.metrics import size
from tests.cell.test_faults import checkpoints, start, wait_for
from tests.runs import assert_same_weights, by_sparsity
from tests.settings import TINY, harness

CELL = (
    *TINY,
    "sparsity=random",
    "sparsity.target=0.75",
    "training.finetune.steps=300",
    "training.finetune.quantize=int8",
    "training.checkpoint_epochs=0.3",
    "training.log_every=5",
    "export.formats=[tflite_int8]",
)


def sparse(folder):
    return by_sparsity(f"sqlite:///{folder / 'mlflow.db'}")["random"]


@pytest.mark.slow
def test_an_interrupted_one_ends_with_the_numbers_it_would_have_had(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        folder.mkdir()
    done = harness("run", *CELL, cwd=whole)
    assert done.returncode == 0, done.stdout + done.stderr
    # its dense baseline is finished first
    done = harness("run", *TINY, "export.formats=[]", cwd=cut)
    assert done.returncode == 0, done.stdout + done.stderr
    process = start(cut, "run", *CELL, "export.formats=[]")
    wait_for(lambda: checkpoints(cut), process)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 130, (out, err)
    assert sparse(cut).status == "KILLED"
    done = harness("run", *CELL, "export.formats=[]", cwd=cut)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same_weights(sparse(cut), sparse(whole))
    _says_what_it_is(sparse(whole))


def _says_what_it_is(run):
    assert run.params["training.finetune.quantize"] == "int8"
    assert run.metrics["sparsity/prunable"] >= 0.75
    assert run.metrics[size("tflite_int8", "zeros")] >= 0.75
    assert abs(run.metrics["test_int8/accuracy_difference"]) <= 0.05
