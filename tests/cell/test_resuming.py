"""An interrupted cell is taken up again although settings that do not decide it have changed."""

import os
import signal

import pytest

from tests.cell.test_faults import checkpoints, start, wait_for
from tests.data.images.mnist_files import write_idx
from tests.runs import assert_same_weights, runs
from tests.settings import TINY, harness

#: Eight cells, half of them interrupted: minutes. To what resuming is held, test_faults shows.
pytestmark = pytest.mark.slow

#: A dense cell of some seconds, with a checkpoint every nine steps or so.
CELL = (
    *TINY,
    "training.dense.steps=500",
    "training.checkpoint_epochs=0.3",
    "training.log_every=5",
    "dataset.source=idx",
)
#: By seed: what the cell is taken up again with.
CHANGES = {
    1: ("training.finetune.steps=30", "sparsity=random"),  # its dense phase is not finished
    2: ("dataset.data_dir=moved",),
    3: ("training.checkpoint_epochs=0.7",),
    4: ("training.log_every=7",),
}


def prepared(folder):
    """The digits in two places, and the overrides of the cells that read them in the first."""
    write_idx(folder / "data", train=4200, test=100)
    write_idx(folder / "moved", train=4200, test=100)
    # MLflow takes a path that is relative for the same store, wherever a test's commands run
    uri = f"tracking.uri=sqlite:///{folder / 'mlflow.db'}"
    return (*CELL, "dataset.data_dir=data", uri)


def dense(folder):
    """The dense cells' runs by their seeds."""
    found = runs(f"sqlite:///{folder / 'mlflow.db'}")
    return {int(r.params["seed"]): r for r in found if r.params["sparsity.label"] == "dense"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    done = harness("run", *prepared(folder), "seed=1,2,3,4", "--jobs", "2", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return dense(folder)


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """Four cells interrupted at once, and each taken up again with a setting changed."""
    folder = tmp_path_factory.mktemp("interrupted")
    cell = prepared(folder)
    process = start(folder, "run", *cell, "seed=1,2,3,4", "--jobs", "4")
    wait_for(lambda: len(checkpoints(folder)) == 4, process)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 130, (out, err)
    interrupted = dense(folder)
    for seed, changed in CHANGES.items():
        done = harness("run", *cell, *changed, f"seed={seed}", cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    return interrupted, dense(folder)


@pytest.mark.parametrize("seed", CHANGES, ids=["finetune", "data_dir", "checkpoint", "log"])
def test_it_goes_on_and_ends_as_it_would_have(resumed, undisturbed, seed):
    interrupted, found = resumed
    assert interrupted[seed].status == "KILLED"
    assert found[seed].id == interrupted[seed].id
    assert found[seed].status == "FINISHED"
    assert "harness.resumed_on" in found[seed].tags
    assert_same_weights(found[seed], undisturbed[seed])
    assert found[seed].metrics["test/accuracy"] == undisturbed[seed].metrics["test/accuracy"]
    assert found[seed].history("train/loss")[0][0] == 5, "its beginning is not trained again"


def test_what_changed_is_a_tag(resumed):
    tags = {seed: run.tags for seed, run in resumed[1].items()}
    assert tags[2]["harness.config.dataset.data_dir"] == "moved"
    assert tags[3]["harness.config.training.checkpoint_epochs"] == "0.7"
    assert tags[4]["harness.config.training.log_every"] == "7"
