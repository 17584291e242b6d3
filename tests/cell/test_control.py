"""The control: the dense baseline, fine-tuned as the sparse cells are, and not pruned."""

import pytest

from tests.runs import assert_same_weights, by_sparsity, copied, runs
from tests.settings import TINY, harness


@pytest.fixture(scope="module")
def cells(swept, tmp_path_factory):
    """A control beside the cells of the small sweep, and one that prunes nothing by its masks."""
    folder = copied(swept.folder, tmp_path_factory.mktemp("control") / "copy")
    for sparsity in (("sparsity=control",), ("sparsity=random", "sparsity.target=0")):
        done = harness("run", *TINY, *sparsity, "tracking.experiment=tiny", cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 of 2 cells are finished already." in done.stdout
    found = runs(f"sqlite:///{folder / 'mlflow.db'}")
    return {run.params["sparsity.label"]: run for run in found}


def test_it_starts_from_the_dense_baseline(swept, cells):
    dense, control = by_sparsity(swept.uri)["dense"], cells["control"]
    assert control.tags["harness.dense_run_id"] == dense.id
    assert control.tags["harness.dense_cell_id"] == dense.tags["harness.cell_id"]
    assert control.tags["mlflow.runName"].startswith("mnist_cnn · control · ")
    begun = control.history("train/loss")[0][1]
    (_, first), *_, (_, last) = dense.history("train/loss")
    assert abs(begun - last) < abs(begun - first), "it goes on from where the dense one ended"


def test_it_is_trained_by_the_recipe_of_the_sparse_cells(cells):
    """Masks that keep everything change nothing: the same recipe, to the bit."""
    control, unpruned = cells["control"], cells["random 0%"]
    assert_same_weights(control, unpruned)
    assert control.history("train/loss") == unpruned.history("train/loss")
    assert control.metrics["test/accuracy"] == unpruned.metrics["test/accuracy"]
    for step, _ in cells["random 75%"].history("train/loss"):
        assert step in dict(control.history("train/loss"))


def test_it_is_whole(cells):
    metrics, dense = cells["control"].metrics, cells["dense"].metrics
    assert metrics["sparsity/prunable"] == metrics["sparsity/all"] == 0
    assert metrics["params/nonzero"] == dense["params/nonzero"] == metrics["params/trainable"]
    assert metrics["params/prunable"] == dense["params/prunable"]
