"""`harness export`: files of a finished cell, of its run, or of a file; nothing is trained."""

import json

import pytest

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


def test_files_are_timed_side_by_side(folder, run):
    formats = ("--formats", "tflite,tflite_sparse,tflite_int8")
    text = exported(folder, run.id, *formats, "--latency", "--out", "timed")
    told = json.loads((folder / "timed" / "export.json").read_text())
    for kind in ("tflite", "tflite_sparse", "tflite_int8"):
        assert told["metrics"][f"latency/{kind}_ms"] > 0
        assert any(line.split()[:3] == [kind, "1", "thread"] for line in text.splitlines())
    assert {one["kind"] for one in told["latency"]["timings"]} == {
        "tflite", "tflite_sparse", "tflite_int8",
    }  # fmt: skip


def test_a_format_that_fails_is_told_and_ends_in_1(folder, run):
    done = harness("export", run.id, "export.tolerance=1e-12", "--formats", "tflite", cwd=folder)
    assert done.returncode == 1
    assert "failed: tflite: model.tflite: the converted model's outputs differ" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("f" * 32,), "run " + "f" * 32 + ": its artifact config.yaml cannot be read"),
        (("nothing.keras",), "received nothing.keras; accepted: a run's id (32 hex digits), a"),
        ((*CELL, "seed=99"), "has these weights; train it first: harness run"),
        (
            (*CELL, "--formats", "tflit"),
            "received 'tflit'; accepted: keras_shrunk, packed, saved_model",
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


def test_choices_of_a_run_are_not_made_again(folder, run):
    done = harness("export", run.id, "dataset=cifar10", cwd=folder)
    assert done.returncode == 2
    assert "received dataset=cifar10 with a run, whose choices are made" in done.stderr
