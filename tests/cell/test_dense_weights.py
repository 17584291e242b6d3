"""Dense weights by path: evaluated instead of trained, and told by their content."""

import shutil

import pytest

from harness.config import cell_id, compose
from harness.errors import ConfigError
from harness.sweep.table import table_spec
from tests.runs import by_sparsity
from tests.settings import TINY, harness
from tests.sweep.test_table import SWEEP

DATA = "f" * 64


@pytest.fixture(scope="module")
def given(swept, tmp_path_factory):
    """The dense model of the sweep as a file, and a sparse cell that starts from it."""
    folder = tmp_path_factory.mktemp("given")
    shutil.copy(by_sparsity(swept.uri)["dense"].path("model/model.keras"), folder / "dense.keras")
    arguments = (*TINY, "training.dense_weights=dense.keras", "sparsity=structured_2x4")
    done = harness("run", *arguments, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, by_sparsity(f"sqlite:///{folder / 'mlflow.db'}")


def test_the_file_is_the_dense_baseline(swept, given):
    trained = by_sparsity(swept.uri)
    _, found = given
    for name in ("dense", "structured_2x4"):
        for metric in ("test/accuracy", "test/loss", "test/top5_accuracy"):
            assert found[name].metrics[metric] == trained[name].metrics[metric]
    assert found["dense"].metrics["time/train_seconds"] == 0
    assert "train/loss" not in found["dense"].metrics
    assert found["dense"].tags["harness.cell_id"] != trained["dense"].tags["harness.cell_id"]
    assert len(found["dense"].params["training.dense_weights"]) == 64


def test_content_decides_and_the_place_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in {"a.h5": "1", "b.h5": "1", "c.h5": "2"}.items():
        (tmp_path / name).write_text(content)
    given = {name: compose([f"training.dense_weights={name}.h5"]) for name in "abc"}
    a, b, c = (cell_id(config, DATA) for config in given.values())
    assert a == b != c
    assert a != cell_id(compose(), DATA)
    ignored = compose(["training.dense_weights=a.h5", "training.dense.epochs=3"])
    assert cell_id(ignored, DATA) == a
    rows = [table_spec(SWEEP, [config]).rows[0] for config in (given["a"], given["b"], compose())]
    assert rows[0].where == rows[1].where
    key = "training.dense_weights"
    assert key not in rows[2].where
    assert rows[2].where["settings"] != rows[0].where["settings"]
    with pytest.raises(ConfigError, match=r"received rewind with dense_weights"):
        compose(["training.dense_weights=a.h5", "training.finetune.decay.kind=rewind"])


def test_a_file_that_does_not_fit_is_refused_before_anything_is_written(given, tmp_path):
    folder, _ = given
    arguments = ("model.units=17", f"training.dense_weights={folder / 'dense.keras'}")
    done = harness("run", *TINY, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("harness: training.dense_weights: received ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
