"""`harness export`: files of a finished cell, of its run, or of a file; nothing is trained."""

import json

import keras
import pytest
from mlflow import MlflowClient

from tests.runs import by_sparsity, copied, runs
from tests.settings import TINY, harness

CELL = (*TINY, "sparsity=random", "sparsity.target=0.75", "tracking.experiment=tiny")


@pytest.fixture(scope="module")
def folder(swept, tmp_path_factory):
    return copied(swept.folder, tmp_path_factory.mktemp("exporting") / "copy")


@pytest.fixture(scope="module")
def run(folder):
    return by_sparsity(f"sqlite:///{folder / 'mlflow.db'}")["random"]


def exported(folder, *arguments):
    done = harness("export", *arguments, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    # in this process, TensorFlow's own prints are not kept off what stands in for a terminal
    return done.stdout[done.stdout.index("format ") :]


def test_a_run_a_cell_and_a_file_give_the_same_files(folder, run):
    before = len(runs(f"sqlite:///{folder / 'mlflow.db'}"))
    formats = ("--formats", "tflite,packed")
    text = exported(folder, run.id, *formats, "--out", "of_run")
    assert text.splitlines()[0].split()[:2] == ["format", "bytes"]
    assert [line.split()[0] for line in text.splitlines()[1:4]] == ["keras", "tflite", "packed"]
    exported(folder, *CELL, *formats, "--out", "of_cell")
    exported(folder, "of_run/model.keras", *CELL, *formats, "--out", "of_file")
    names = ["export.json", "model.keras", "model.packed", "model.tflite"]
    for other in ("of_run", "of_cell", "of_file"):
        assert sorted(path.name for path in (folder / other).iterdir()) == names
    for name in ("model.keras", "model.packed", "model.tflite"):
        first = (folder / "of_run" / name).read_bytes()
        assert first == (folder / "of_cell" / name).read_bytes(), name
    told = json.loads((folder / "of_run" / "export.json").read_text())
    assert told["metrics"]["test/accuracy"] == pytest.approx(run.metrics["test/accuracy"])
    assert told["metrics"]["size/tflite_bytes"] == run.metrics["size/tflite_bytes"]
    assert "test_packed/accuracy" in told["metrics"]
    kept = run.path("model/model.keras").read_bytes()
    assert (folder / "of_run" / "model.keras").read_bytes() == kept, "byte for byte the run's own"
    text = exported(folder, "of_run/model.packed", *CELL, "--formats", "tflite")
    assert "written to exported" in text
    assert len(runs(f"sqlite:///{folder / 'mlflow.db'}")) == before


def test_bytes_stand_beside_the_dense_baselines_and_the_bound(folder, run):
    text = exported(folder, run.id, "--formats", "tflite,packed", "--out", "weighed")
    rows = {line.split()[0]: line.split() for line in text.splitlines()}
    told = json.loads((folder / "weighed" / "export.json").read_text())["metrics"]
    dense = by_sparsity(f"sqlite:///{folder / 'mlflow.db'}")["dense"]
    whole = dense.metrics["size/tflite_gzip_bytes"]
    assert f"dense baseline by gzip, {whole:,.0f} bytes" in text
    bound = told["size/packed_bound_bytes"]
    assert f"8-bit values, an estimate: {bound:,.0f} bytes" in text
    assert run.metrics["size/packed_bound_bytes"] == pytest.approx(bound, rel=1e-5), (
        "logged of any cell, to six digits"
    )
    assert "size/packed_bytes" not in run.metrics
    for kind, row in (("tflite", rows["tflite"]), ("packed", rows["packed"])):
        sizes = [told[f"size/{kind}_{end}bytes"] for end in ("", "gzip_", "zstd_", "xz_")]
        assert row[5] == f"{whole / min(sizes):.2f}×"
        assert float(row[6]) == pytest.approx(min(sizes) / bound, abs=0.006)
    assert float(rows["packed"][6]) >= 1
    alone = exported(folder, "weighed/model.keras", *CELL, "--formats", "tflite", "--out", "alone")
    assert "the dense baseline's run is not known" in alone
    assert told["size/packed_bound_bytes"] == pytest.approx(
        json.loads((folder / "alone" / "export.json").read_text())["metrics"][
            "size/packed_bound_bytes"
        ]
    ), "with or without that format"


def test_files_are_timed_beside_the_dense_baselines(folder, run):
    formats = ("--formats", "tflite,tflite_sparse,tflite_int8")
    more = ("--latency", "--benchmark-script", "--out", "timed")
    text = exported(folder, run.id, *formats, *more)
    told = json.loads((folder / "timed" / "export.json").read_text())
    own = {"tflite", "tflite_sparse", "tflite_int8"}
    assert {one["kind"] for one in told["latency"]["timings"]} == {"dense", *own}
    for kind in ("dense", *own):  # the dense baseline has no file of 8-bit integers
        assert told["metrics"][f"latency/{kind}_ms"] > 0
        assert any(line.split()[:3] == [kind, "1", "thread"] for line in text.splitlines())
    assert told["tags"]["harness.latency.reference"] == "dense"
    dense = by_sparsity(f"sqlite:///{folder / 'mlflow.db'}")["dense"]
    kept = (folder / "timed" / "dense.tflite").read_bytes()
    assert kept == dense.path("model/model.tflite").read_bytes()
    script = (folder / "timed" / "benchmark_arm.sh").read_text()
    names = ("dense.tflite", "model.tflite", "model_sparse.tflite", "model_int8.tflite")
    assert f"FILES=({' '.join(names)})" in script
    assert "run where the device is: timed/benchmark_arm.sh" in text
    assert "no benchmark_gpu.sh: it needs one of onnx, saved_model, by --formats" in text


def test_a_format_that_fails_is_told_and_ends_in_1(folder, run):
    done = harness("export", run.id, "export.tolerance=1e-12", "--formats", "tflite", cwd=folder)
    assert done.returncode == 1
    assert "failed: tflite: model.tflite: the converted model's outputs differ" in done.stdout


def test_no_file_of_an_earlier_model_is_left_under_this_ones_names(folder, run):
    formats = ("--formats", "tflite,saved_model", "--out", "twice")
    exported(folder, run.id, *formats, "--benchmark-script")
    names = {path.name for path in (folder / "twice").iterdir()}
    assert names >= {"dense.tflite", "model.tflite", "saved_model", "benchmark_arm.sh"}
    dense = by_sparsity(f"sqlite:///{folder / 'mlflow.db'}")["dense"]
    done = harness("export", dense.id, *formats, "export.tolerance=1e-12", cwd=folder)
    assert done.returncode == 1
    assert "failed: tflite: " in done.stdout
    # the SavedModel's outputs may be the same to the last bit
    left = set() if "failed: saved_model: " in done.stdout else {"saved_model"}
    now = {path.name for path in (folder / "twice").iterdir()}
    assert now == {"export.json", "model.keras", *left}
    kept = (folder / "twice" / "model.keras").read_bytes()
    assert kept == dense.path("model/model.keras").read_bytes()


def test_a_model_does_not_overwrite_its_own_file(folder, run):
    exported(folder, run.id, "--formats", "packed", "--out", "own")
    before = {path.name: path.read_bytes() for path in (folder / "own").iterdir()}
    for source, formats in (("model.keras", "tflite"), ("model.packed", "tflite,packed")):
        more = ("--formats", formats, "--shrink", "--out", "own/../own")
        done = harness("export", f"own/{source}", *CELL, *more, cwd=folder)
        assert done.returncode == 2
        line = f"received --out own/../own, where own/{source} itself would be replaced; accepted"
        assert line in done.stderr.splitlines()[-1]
    assert {path.name: path.read_bytes() for path in (folder / "own").iterdir()} == before


def test_what_cannot_be_timed_is_said(folder, run):
    text = exported(folder, run.id, "--formats", "packed", "--latency", "--out", "untimed")
    assert "not timed: needs a TensorFlow Lite file, such as the format tflite" in text
    assert "latency" not in json.loads((folder / "untimed" / "export.json").read_text())


@pytest.mark.parametrize(
    ("shape", "classes", "line"),
    [
        (
            (32, 32, 3),
            10,
            "does not take the examples of dataset=mnist, received 28×28×1, takes 32×32×3;"
            " accepted: the data set that it was trained on (dataset=…)",
        ),
        ((28, 28, 1), 7, "gives 7 classes, where dataset=mnist has 10; accepted: the data set"),
    ],
)
def test_a_model_of_other_data_is_refused_in_a_line(folder, shape, classes, line):
    layers = [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(classes)]
    keras.Sequential(layers).save(folder / "other.keras")
    done = harness("export", "other.keras", *CELL, "--out", "others", cwd=folder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"other.keras: {line}" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("f" * 32,), "there is no run " + "f" * 32 + " in sqlite:///mlflow.db; tracking.uri="),
        (("nothing.keras",), "received nothing.keras; accepted: a run's id (32 hex digits), a"),
        ((*CELL, "seed=99"), "has these weights; train it first: harness run"),
        (
            (*CELL, "--formats", "tflit"),
            "received 'tflit'; accepted: keras_shrunk, onnx, packed, packed_clustered",
        ),
        (("broken.keras", *CELL), "broken.keras: Keras cannot read it: "),
        (("broken.packed", *CELL), "broken.packed: no container of a packed model"),
    ],
)
def test_refusals(folder, arguments, line):
    for name in ("broken.keras", "broken.packed"):
        (folder / name).write_bytes(b"PK nothing")
    done = harness("export", *arguments, cwd=folder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert line in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("f" * 32,), "there is no run " + "f" * 32 + " in sqlite:///mlflow.db; tracking.uri="),
        (CELL, "has these weights; train it first: harness run"),
    ],
)
def test_no_store_is_made(tmp_path, arguments, line):
    done = harness("export", *arguments, cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert line in done.stderr
    assert not list(tmp_path.iterdir())


def test_no_experiment_is_made(folder):
    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    before = {one.name for one in client.search_experiments()}
    done = harness("export", *CELL, "tracking.experiment=tinny", cwd=folder)
    assert done.returncode == 2
    assert "no finished cell of 'tinny' in sqlite:///mlflow.db has these weights" in done.stderr
    assert {one.name for one in client.search_experiments()} == before


def test_choices_of_a_run_are_not_made_again(folder, run):
    done = harness("export", run.id, "dataset=cifar10", cwd=folder)
    assert done.returncode == 2
    assert "received dataset=cifar10 with a run, whose choices are made" in done.stderr
