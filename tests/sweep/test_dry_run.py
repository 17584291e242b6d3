"""What a sweep says that it would do, and what it takes that from."""

import json
import shutil

import numpy as np
import pytest
from mlflow import MlflowClient

from harness.cell.cell import checkpoint_file
from harness.config import compose
from harness.config.label import params
from harness.sweep.forecast import STATES, Estimate, forecast
from harness.sweep.gpu_places import Devices
from harness.sweep.plan import plan
from harness.tracking.costs import Cost, read_costs
from harness.tracking.journal import FOLDER, Journal
from harness.tracking.runs import Finished
from tests.runs import runs
from tests.settings import TINY, harness, imported


def told(*arguments, cwd):
    done = harness("sweep", *arguments, "--dry-run", "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def counts(**some):
    return dict.fromkeys(STATES, 0) | some


def test_nothing_is_known_of_a_first_sweep_and_nothing_is_left_behind(tmp_path):
    found = told("demo", cwd=tmp_path)
    assert found["counts"] == counts(trains=5)
    assert found["shared_baselines"] == 1
    assert [cell["shared_by"] for cell in found["cells"]] == [4, 0, 0, 0, 0]
    assert found["work_seconds"] is None
    assert found["disk_bytes"] is None
    done = harness("sweep", "demo", "--dry-run", cwd=tmp_path)
    assert "not known of 5 cells" in done.stdout
    assert "harness sweep demo --rehearse" in done.stdout
    assert not list(tmp_path.iterdir())


def test_as_many_at_once_are_counted_on_as_would_run(tmp_path):
    at_once = [
        told("demo", f"strategy={name}", "--jobs", "auto", cwd=tmp_path)["jobs"]
        for name in ("single", "multi_worker")
    ]
    assert at_once == [Devices.found().jobs(None), 1]


def test_what_is_finished_needs_nothing_and_tells_of_the_others(swept):
    found = told("tiny.yaml", cwd=swept.folder)
    assert found["counts"]["finished"] == 3
    assert found["wall_seconds"] == found["disk_bytes"] == 0
    assert {cell["run_id"] for cell in found["cells"]} == {run.id for run in runs(swept.uri)}
    more = told(
        "tiny.yaml", "seed=1,2", "training.finetune.steps=80", "--jobs", "2", cwd=swept.folder
    )
    assert more["counts"] == counts(finished=1, trains=5)
    assert more["shared_baselines"] == 2
    per_run = [sum(v for k, v in run.metrics.items() if k in FILES) for run in runs(swept.uri)]
    assert more["disk_bytes"] == pytest.approx(5 * np.median(per_run))
    assert 0 < more["wall_seconds"] < more["work_seconds"]
    longest = max(cell["seconds"] for cell in more["cells"])
    assert more["wall_seconds"] >= longest


FILES = ("size/keras_bytes", "size/tflite_bytes")


def test_what_only_measures_otherwise_is_said(swept):
    found = told("tiny.yaml", "export=keras", cwd=swept.folder)
    assert found["counts"] == counts(**{"measured anew": 3})
    text = harness("sweep", "tiny.yaml", "export=keras", "--dry-run", cwd=swept.folder).stdout
    assert "3 cells: 3 measured anew." in text
    assert "Time to expect: " in text
    assert "Disk to expect: " in text


def test_it_imports_neither_tensorflow_nor_mlflow(swept):
    code = f"""
import os
os.chdir({str(swept.folder)!r})
from harness.cli.commands import main
assert main(["sweep", "tiny.yaml", "seed=2", "--dry-run"]) == 0
"""
    assert imported(code, ["mlflow", "tensorflow", "keras"]) == set()


def test_a_checkpoint_is_gone_on_from_if_its_run_is_there(swept, tmp_path):
    shutil.copy(swept.folder / "mlflow.db", tmp_path)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    overrides = (
        *TINY, "seed=7", "tracking.experiment=tiny", f"tracking.uri={uri}", f"work_dir={tmp_path}"
    )  # fmt: skip
    (cell,) = plan([(compose(overrides), overrides)])
    checkpoint_file(cell).parent.mkdir(parents=True)
    notes = {"step": 30, "history": [], "seconds": 1.5}
    np.savez(checkpoint_file(cell), notes=np.array(json.dumps(notes)))
    (lost,) = forecast([cell], Finished(), [])
    assert lost.state == "trains"
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("tiny").experiment_id
    client.create_run(experiment, tags={"harness.cell_id": cell.id, "harness.complete": "false"})
    costs = read_costs(uri)
    (found,) = forecast([cell], Finished(), costs)
    assert (found.state, found.step) == ("resumes", 30)
    checkpoint_file(cell).unlink()
    (anew,) = forecast([cell], Finished(), costs)
    assert found.estimate.seconds < anew.estimate.seconds
    checkpoint_file(cell).write_bytes(b"damaged")
    (damaged,) = forecast([cell], Finished(), costs)
    assert damaged.state == "damaged checkpoint"


def test_what_only_waits_for_its_store_trains_no_more(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    overrides = (*TINY, f"tracking.uri={uri}", f"work_dir={tmp_path}")
    (cell,) = plan([(compose(overrides), overrides)])
    journal = Journal(tmp_path / "cells" / cell.trained / FOLDER)
    journal.tell({"uri": uri, "cell": cell.id, "trained": cell.trained, "since": "1"})
    journal.add([{"do": "metric"}])
    assert [each.state for each in forecast([cell], Finished(), [])] == ["trains"]
    journal.add([{"do": "end", "status": "FINISHED"}])
    (found,) = forecast([cell], Finished(), [])
    assert (found.state, found.estimate) == ("waits for its store", Estimate(0.0, 0.0))
    (other,) = forecast(
        plan([(compose([*overrides, "seed=2"]), (*overrides, "seed=2"))]), Finished(), []
    )
    assert other.state == "trains"


def cost(label, train, other, **settings):
    return Cost({**settings, "sparsity.label": label}, train, other, 5e6)


def test_times_are_scaled_by_the_length_and_dense_cells_ask_dense_ones():
    overrides = ("sparsity=random", "training.dense.epochs=4", "training.finetune.epochs=3")
    cells = plan([(compose(overrides), overrides)])
    said = params(cells[0].config)
    model = {key: said[key] for key in said if key.startswith(("model.", "dataset.name"))}
    model["training.batch_size"] = said["training.batch_size"]
    dense = [cost("dense", 10.0 * n, 5.0, **model, **{"training.dense.epochs": f"{n}.0"})
             for n in (1, 2)]  # fmt: skip
    sparse = [cost("random 50%", 40.0, 5.0, **model, **{"training.finetune.epochs": "2.0"})]
    other = [cost("dense", 1e9, 1e9, **{**model, "model.name": "gnmt"})]

    def estimated(costs):
        return [each.estimate for each in forecast(cells, Finished(), costs)]

    assert estimated([*dense, *sparse, *other]) == [
        Estimate(4 * 10.0 + 5, 5e6),
        Estimate(3 * 20.0 + 5, 5e6),
    ]
    assert estimated(dense) == [Estimate(45.0, 5e6), Estimate(35.0, 5e6)]
    assert estimated(other) == [Estimate(None, None)] * 2


def test_json_is_of_what_runs_nothing(tmp_path):
    done = harness("sweep", "demo", "--json", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("harness: --json: accepted with --dry-run")
