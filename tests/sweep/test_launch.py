"""What the commands do with bad input, and with work that is done already."""

import re
import socket
import subprocess
import sys
import time

import pytest

from tests.data.images.mnist_files import write_idx
from tests.runs import copied, runs
from tests.settings import TINY, environment, harness, imported, shell


def unused_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def other_layout(folder):
    """The four files, in a folder each."""
    for split in ("train", "test"):
        write_idx(folder / "digits" / split)
    return f"dataset.data_dir={folder / 'digits'}"


def not_a_store(folder):
    (folder / "notes.db").write_text("these are notes")
    return f"tracking.uri=sqlite:///{folder / 'notes.db'}"


BAD = {
    "model": ("model=resnet", "model=resnet is unknown; accepted: ds_cnn_l, gnmt, "),
    "dataset": ("dataset=svhn", "dataset=svhn is unknown; accepted: cifar10, fsdd, "),
    "sparsity": ("sparsity=half", "sparsity=half is unknown; accepted: block_1x4, "),
    "target 1": ("sparsity=random sparsity.target=1", "sparsity.target: received 1.0; accepted"),
    "target -.1": (
        "sparsity=random sparsity.target=-0.1",
        "sparsity.target: received -0.1; accepted: a fraction in [0, 1)",
    ),
    "n = m": (
        "sparsity=structured_2x4 sparsity.pattern.n=4",
        "sparsity.pattern: received n=4, m=4; accepted: 1 <= n < m",
    ),
    "n > m": ("sparsity=structured_2x4 sparsity.pattern.n=5", "n=5, m=4; accepted: 1 <= n < m"),
    "no data": (
        "dataset.source=idx dataset.data_dir=/no/such/folder",
        "dataset.data_dir=/no/such/folder: no such folder",
    ),
    "layout": (lambda folder: f"dataset.source=idx {other_layout(folder)}", "train-images-idx3"),
    "server": (
        lambda folder: f"tracking=server tracking.uri=http://127.0.0.1:{unused_port()}",
        "no MLflow server answers at http://127.0.0.1:",
    ),
    "store folder": ("tracking.uri=sqlite:////no/such/folder/m.db", "does not exist; make it"),
    "not writable": ("tracking.uri=sqlite:////proc/mlflow.db", "cannot"),
    "work folder": ("work_dir=/proc/work", "work_dir: received /proc/work, which cannot be"),
    "not a store": (not_a_store, "notes.db is not an SQLite database"),
}


@pytest.mark.parametrize(("overrides", "complaint"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, overrides, complaint):
    text = overrides(tmp_path) if callable(overrides) else overrides
    before = sorted(tmp_path.rglob("*"))
    done = harness("run", *text.split(), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("harness: ")
    assert complaint in line
    assert sorted(tmp_path.rglob("*")) == before, "something was left behind"


@pytest.mark.parametrize(
    "arguments",
    [
        ("sweep", "demo", "sparsity=half"),
        ("sweep", "no_such_sweep"),
        ("sweep", "demo", "tracking.uri=sqlite:////no/such/folder/m.db"),
        ("describe", "model=resnet"),
        ("data", "dataset.source=idx"),
        ("report", "no_such_table"),
        ("ui",),
    ],
)
def test_every_command_refuses_alike(tmp_path, arguments):
    done = harness(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("sparsity=half",), "sparsity=half is unknown"),
        (("--multirun", "sparsity=random", "sparsity.target=1.5"), "received 1.5"),
        (("-m", "sparsity=random", "sparsity.target=1.5", "seed=1,2"), "received 1.5"),
        (("-m", "sparsity=half,random"), "half"),
        (("-m", "training.batch_size=64,128", "sparsity=dense", "sparsity.target=1"), "target"),
        (("--config-name", "none"), "--config-name=none is unknown; accepted: config"),
    ],
)
def test_the_hydra_application_refuses_alike(tmp_path, arguments, complaint):
    done = shell(*arguments, cwd=tmp_path, module="harness.run")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("harness: ")
    assert complaint in line
    assert done.stdout == ""
    assert not list(tmp_path.iterdir()), "a good cell of the multirun was begun"


def test_what_only_training_finds_out_is_refused_too(store_uri, tmp_path):
    overrides = [*TINY, "training.dense.optimizer.name=sgd"]
    done = harness("run", *overrides, "training.dense.optimizer.learning_rate=1e30", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == ""
    (line,) = [line for line in done.stdout.splitlines() if "refused" in line]
    # the loss need not tell: dead units can keep it finite until the export looks at outputs
    assert "training diverged" in line or "outputs differ from the Keras model's by nan" in line
    (run,) = runs(store_uri)
    assert run.status == "FAILED"


def test_a_finished_sweep_says_so_in_seconds_and_gives_the_table(swept):
    (parent,) = runs(swept.uri, "sweep")
    before = (swept.folder / "mlflow.db").read_bytes()
    table = swept.folder / "results" / "tiny" / "table.md"
    table.unlink()
    began = time.monotonic()
    done = harness("sweep", "tiny.yaml", cwd=swept.folder)
    seconds = time.monotonic() - began
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("Nothing to do: 3 cells are finished.")
    assert "random 75%" in done.stdout
    assert "harness report tiny" in done.stdout
    assert table.exists()
    assert (swept.folder / "mlflow.db").read_bytes() == before, "there was nothing to write"
    assert [run.id for run in runs(swept.uri, "sweep")] == [parent.id]
    assert seconds < 15, "2 s where nothing else runs"


def test_a_finished_sweep_imports_neither_mlflow_nor_tensorflow(swept):
    code = f"""
import os
os.chdir({str(swept.folder)!r})
from harness.cli.commands import main
assert main(["sweep", "tiny.yaml"]) == 0
"""
    assert imported(code, ["mlflow", "tensorflow", "keras"]) == set()


def test_a_sweep_prints_its_table_and_what_to_do_next(swept):
    text = swept.output
    for word in ("dense", "random 75%", "2 by 4", "zeros of", "gzip", "smaller"):
        assert word in text
    assert re.search(r"3 cells in (\d+ min )?\d+ s", text)
    assert "harness report tiny" in text
    assert "harness ui" in text
    assert re.search("✓ mnist_cnn · random 75% · .* · seed 1", text)
    results = swept.folder / "results" / "tiny"
    assert {path.name for path in results.iterdir()} >= {
        "table.md", "table.csv", "accuracy_vs_sparsity.png",
    }  # fmt: skip
    run_ids = {run.id for run in runs(swept.uri)}
    csv = (results / "table.csv").read_text()
    assert all(run_id in csv for run_id in run_ids), "the runs behind every number"


def test_a_multirun_is_ordinary_hydra_over_the_same_cells(swept):
    before = {run.id for run in runs(swept.uri)}
    done = shell(
        "--multirun",
        *TINY,
        "sparsity=dense,structured_2x4",
        "tracking.experiment=tiny",
        cwd=swept.folder,
        module="harness.run",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing to do: 1 cell is finished." in done.stdout, "the first job's dense cell"
    assert "Nothing to do: 2 cells are finished." in done.stdout, "2:4 and its baseline"
    assert {run.id for run in runs(swept.uri)} == before


def test_a_multirun_goes_on_after_a_job_that_is_refused(swept):
    small = [each for each in TINY if not each.startswith("training.batch_size")]
    done = shell(
        "--multirun",
        *small,
        "training.batch_size=100000,128",
        "sparsity=structured_2x4",
        "tracking.experiment=tiny",
        cwd=swept.folder,
        module="harness.run",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("harness: ")]
    assert "training.batch_size=100000: " in line
    assert "Traceback" not in done.stderr
    assert "Nothing to do: 2 cells are finished." in done.stdout, "the job after it"


def test_a_multirun_runs_what_stands_beside_a_value_that_is_refused(swept):
    done = shell(
        "--multirun",
        *TINY,
        "sparsity=random,structured_2x4",
        "sparsity.target=1.5,0.75,null",
        "tracking.experiment=tiny",
        cwd=swept.folder,
        module="harness.run",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("harness: ")]
    assert "sparsity.target: received 1.5; accepted" in lines[0]
    assert len(lines) == 4, "of six jobs, two have a target that is one of theirs"
    assert "Traceback" not in done.stderr
    assert done.stdout.count("Nothing to do: 2 cells are finished.") == 2


def test_a_multirun_that_is_refused_whole_says_why_of_each(tmp_path):
    done = shell("-m", "seed=-1,-2", cwd=tmp_path, module="harness.run")
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert "seed: received -1" in first
    assert "seed: received -2" in second
    assert not list(tmp_path.iterdir())


#: The Hydra application, whose random cells are killed as they begin to train.
KILLED = """
import sys
from harness.cli.hydra_app import main
from tests.killing import Kill, launch, ordered
launch.execute = ordered({"random 1": [Kill("harness.training.loop:fit")]})
if __name__ == "__main__":
    sys.exit(main())
"""


def test_a_multirun_goes_on_after_a_cell_that_fails(swept, tmp_path):
    copy = copied(swept.folder, tmp_path / "copy")
    before = {run.id for run in runs(f"sqlite:///{copy / 'mlflow.db'}")}
    (copy / "killed.py").write_text(KILLED)
    done = subprocess.run(
        [
            sys.executable,
            "killed.py",
            "--multirun",
            *TINY,
            "export.formats=[]",
            "sparsity=random,structured_2x4",
            "tracking.experiment=tiny",
        ],
        cwd=copy,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "its process was killed by SIGKILL" in done.stdout
    later = [run for run in runs(f"sqlite:///{copy / 'mlflow.db'}") if run.id not in before]
    ended = {run.tags["harness.config.sparsity.name"]: run.status for run in later}
    assert ended == {"dense": "FINISHED", "random": "FAILED", "structured_2x4": "FINISHED"}
