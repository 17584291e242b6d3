"""The code of docs/mlflow.md gives a pruned model back, without importing the harness."""

import csv
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.config import compose
from harness.data import load
from tests.runs import by_sparsity
from tests.settings import TINY

PAGE = Path(__file__).parents[2] / "docs" / "mlflow.md"


@pytest.fixture(scope="module")
def run(swept):
    return by_sparsity(swept.uri)["random"]


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    """Three test digits, as the page's code and MLflow's command read them."""
    folder = tmp_path_factory.mktemp("page")
    digits = load(compose(TINY).dataset).test_split.inputs[:3] / np.float32(255)
    np.save(folder / "digits.npy", digits)
    (folder / "input.json").write_text(json.dumps({"instances": digits.tolist()}))
    return folder


def blocks(language, run):
    found = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [block.replace("RUN_ID", run.id) for block in found]


def expected(run):
    with run.path("predictions.csv").open() as file:
        return [int(row["prediction"]) for row in csv.DictReader(file)][:3]


def finished(arguments, run, swept, folder):
    """Runs as a stranger would: in another folder, with nothing of the tests' settings."""
    outside = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        arguments,
        cwd=folder,
        env={**outside, "MLFLOW_TRACKING_URI": swept.uri, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_pruned_model_comes_back(run, swept, folder):
    (code,) = blocks("python", run)
    code += f"\nassert classes.tolist() == {expected(run)}\n"
    code += "kernels = [w for w in model.get_weights() if w.ndim > 1]\n"
    code += "assert len(kernels) == 4\n"
    code += "assert all(abs((w == 0).mean() - 0.75) < 0.01 for w in kernels)\n"
    code += "import sys; assert not [name for name in sys.modules if name.startswith('harness')]\n"
    finished([sys.executable, "-I", "-c", code], run, swept, folder)


def test_mlflows_own_command_predicts_with_it(run, swept, folder):
    (command,) = [block for block in blocks("console", run) if "models predict" in block]
    words = shlex.split(command.replace("\\\n", " "))
    assert words[0] == "mlflow"
    shown = finished([sys.executable, "-I", "-m", *words], run, swept, folder)
    (line,) = [line for line in shown.splitlines() if line.startswith('{"predictions"')]
    logits = np.array(json.loads(line)["predictions"])
    assert logits.shape == (3, 10)
    assert logits.argmax(axis=1).tolist() == expected(run)


def test_the_model_is_kept_once_and_says_what_it_takes(run):
    assert run.files("model") == {
        f"model/{name}"
        for name in (
            "MLmodel", "conda.yaml", "model.keras", "model.tflite", "python_env.yaml",
            "requirements.txt",
        )
    }  # fmt: skip
    assert not run.client.search_logged_models([run.client.get_run(run.id).info.experiment_id]), (
        "a second place for the weights"
    )
