"""Cells of the same weights train once, however often and in whatever ways they are measured."""

import pytest

from harness.sweep import launch
from tests.cell.test_stages import KERNELS
from tests.runs import assert_same_weights, copied, runs
from tests.settings import TINY, harness

TRACKING = "tracking.experiment=tiny"


@pytest.fixture(scope="module")
def before(swept):
    return {run.params["sparsity.label"]: run for run in runs(swept.uri)}


@pytest.fixture(scope="module")
def folder(swept, tmp_path_factory):
    return copied(swept.folder, tmp_path_factory.mktemp("anew") / "copy")


@pytest.fixture(scope="module")
def anew(before, folder):
    """What the small sweep prints with another export, and its cells' runs; nothing is built."""

    def built(configs):
        raise AssertionError("what a finished run has built was built once more")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "preflight", built)
        done = harness("sweep", "tiny.yaml", "export=tflite_int8", "--jobs", "2", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, new(folder, before)


def uri(folder):
    return f"sqlite:///{folder / 'mlflow.db'}"


def new(folder, before):
    """The cells' runs in the folder's store that were not there before."""
    old = {run.id for run in before.values()}
    found = [run for run in runs(uri(folder)) if run.id not in old]
    return {run.params["sparsity.label"]: run for run in found}


def test_another_export_trains_nothing_and_says_so(before, anew):
    output, found = anew
    assert "3 cells are measured anew, none is trained." in output
    assert found.keys() == before.keys()
    for name, run in found.items():
        assert run.tags["harness.trained_run_id"] == before[name].id
        assert run.tags["harness.trained_id"] == before[name].tags["harness.trained_id"]
        assert run.tags["harness.cell_id"] != before[name].tags["harness.cell_id"]
        assert not [key for key in run.metrics if key.startswith(("train/", "val/"))]
        assert "curves/loss.png" not in run.files()
        layers = {key for key in run.metrics if key.startswith("sparsity/layer/")}
        assert len(layers) == len(KERNELS)


def test_it_ends_with_the_same_weights_and_numbers(before, anew):
    for name, run in anew[1].items():
        assert_same_weights(run, before[name])
        # curves stay with the run that was trained, another format may be the smallest, and
        # the test takes as long as it does today
        own = ("train/", "val/", "sparsity/scheduled", "sparsity/reached", "size/best", "time/test")
        expected = {k: v for k, v in before[name].metrics.items() if not k.startswith(own)}
        assert {"test/accuracy", "time/train_seconds", "params/nonzero"} < expected.keys()
        assert {key: run.metrics[key] for key in expected} == expected
        told = run.path("sparsity/layers.csv").read_text()
        assert told == before[name].path("sparsity/layers.csv").read_text()
        assert "test_int8/accuracy" in run.metrics
        assert "test_int8/accuracy" not in before[name].metrics


def test_what_a_sparse_cell_is_compared_with_is_measured_alike(anew):
    found = anew[1]
    for name in found.keys() - {"dense"}:
        assert found[name].tags["harness.dense_run_id"] == found["dense"].id


def test_a_sparse_cell_starts_from_a_dense_one_that_was_measured_otherwise(swept, tmp_path):
    copy = copied(swept.folder, tmp_path / "copy")
    old = {run.id: run for run in runs(swept.uri)}
    sparse = ("sparsity=random", "sparsity.target=0.5", "export=keras", TRACKING)
    done = harness("run", *TINY, *sparse, cwd=copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 cell is measured anew, 1 is trained." in done.stdout
    found = {run.params["sparsity.label"]: run for run in runs(uri(copy)) if run.id not in old}
    assert found["dense"].tags["harness.trained_run_id"] in old
    assert [step for step, _ in found["random 50%"].history("train/loss")] == [10, 20, 30, 40]


def test_a_format_that_fails_takes_nothing_with_it(swept, tmp_path):
    copy = copied(swept.folder, tmp_path / "copy")
    old = {run.id: run for run in runs(swept.uri)}
    dense = next(run for run in old.values() if run.params["sparsity.label"] == "dense")
    strict = ("export.tolerance=1e-12", "export.formats=[tflite,tflite_float16]", TRACKING)
    done = harness("run", *TINY, *strict, cwd=copy)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (run for run in runs(uri(copy)) if run.id not in old)
    assert (run.status, run.tags["harness.trained_run_id"]) == ("FINISHED", dense.id)
    assert run.metrics["test/accuracy"] == dense.metrics["test/accuracy"]
    assert "size/tflite_bytes" not in run.metrics
    assert "test_tflite/accuracy" not in run.metrics
    assert "model/model.tflite" not in run.files()
    reason = run.tags["harness.export.failed.tflite"]
    assert "more than export.tolerance=1e-12 (correlation 1.000)" in reason
    assert f"Not exported as tflite: {reason}" in run.tags["mlflow.note.content"]
    float16 = run.metrics["test_float16/accuracy"]
    difference = run.metrics["test_float16/accuracy_difference"]
    assert difference == pytest.approx(float16 - run.metrics["test/accuracy"], abs=1e-6)
    assert run.tags["harness.export.best"] == "tflite_float16"
    assert run.metrics["size/best_bytes"] < run.metrics["size/tflite_float16_bytes"]


def test_labels_make_no_other_cells(swept):
    labels = ("training.name=mine", "export.name=mine", "experiment=mnist_cnn", "sparsity=dense")
    done = harness("run", *TINY, *labels, TRACKING, cwd=swept.folder)
    assert "Nothing to do: 1 cell is finished." in done.stdout, done.stdout + done.stderr


def test_cells_of_the_same_weights_that_start_at_once_train_once(tmp_path):
    all_of_them = (
        "export=tflite,keras,tflite_int8",
        f"tracking.uri={uri(tmp_path)}",
        "--jobs",
        "2",
    )
    done = harness("run", *TINY, *all_of_them, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 cells are measured anew, 1 is trained." in done.stdout
    trained = [run for run in runs(uri(tmp_path)) if "train/loss" in run.metrics]
    anew = [run for run in runs(uri(tmp_path)) if "train/loss" not in run.metrics]
    assert (len(trained), len(anew)) == (1, 2)
    for run in anew:  # whichever of the finished ones it took the weights from
        assert run.tags["harness.trained_run_id"] == trained[0].id
        assert "harness.resumed_on" not in run.tags


@pytest.mark.slow
def test_beam_search_measures_anew_what_was_trained(tmp_path):
    from tests.data.text.pair_files import write_multi30k

    gnmt = (
        "experiment=gnmt_multi30k",
        f"dataset.data_dir={write_multi30k(tmp_path / 'data')}",
        f"dataset.cache_dir={tmp_path / 'cache'}",
        "dataset.vocabulary_size=48",
        "dataset.max_length=20",
        "dataset.buckets=[8,20]",
        "model.units=8",
        "training.batch_size=16",
        "training.dense.epochs=null",
        "training.dense.steps=4",
    )
    for beam in (1, 3):
        done = harness("run", *gnmt, f"model.decoding.beam={beam}", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "1 cell is measured anew, none is trained." in done.stdout
    narrow, wide = runs(uri(tmp_path))
    assert wide.tags["harness.trained_run_id"] == narrow.id
    assert_same_weights(narrow, wide)
    assert wide.metrics["test/perplexity"] == narrow.metrics["test/perplexity"]
    assert wide.params["model.decoding.beam"] == "3"
