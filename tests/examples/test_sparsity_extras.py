"""The example of a package from outside: installed as a user would, and run as a cell."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from harness import data
from harness.data.images.mnist import Mnist
from tests.runs import runs
from tests.settings import ROOT, command, environment

PACKAGE = ROOT / "examples" / "sparsity_extras"
PRESETS = PACKAGE / "sparsity_extras" / "conf"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment of a user who has installed the package, in a folder of its own."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    pip += ["--no-build-isolation", "--target", str(folder), str(PACKAGE)]
    subprocess.run(pip, check=True, timeout=600)
    return {**environment(), "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """500 digits as such an archive holds pictures: 32×32, three colours."""
    path = tmp_path_factory.mktemp("pictures") / "digits.npz"
    digits = data.load(Mnist())
    arrays = {}
    for part, split, count in (("train", digits.train_split, 400), ("test", digits.test_split, 99)):
        some = split.taken(np.arange(count) * (len(split) // count))
        gray = np.pad(some.inputs, [(0, 0), (2, 2), (2, 2), (0, 0)])
        arrays[f"x_{part}"] = np.repeat(gray, 3, axis=-1)
        arrays[f"y_{part}"] = some.labels[:, None]
    np.savez(path, **arrays)
    return path


def harness(*arguments, env, cwd):
    done = subprocess.run(
        command(*arguments),
        env=env,
        cwd=cwd,
        timeout=600,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done


def test_a_model_and_a_pattern_from_outside_are_described(installed, tmp_path):
    given = ["model=resnet8", "dataset=cifar10", "sparsity=random", "sparsity.pattern=kernels"]
    done = harness("describe", *given, "--json", env=installed, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["total_params"] == 78_666, "MLPerf Tiny's"
    layers = {layer["path"]: layer for layer in found["layers"]}
    assert layers["conv/kernel"]["shape"] == [3, 3, 3, 16]
    assert found["prunable_params"] == 74_160, "of 3×3"
    assert found["nonzero_params"] == 78_186 - 74_160 // 2


def test_what_is_not_installed_cannot_be_chosen(tmp_path):
    done = harness("describe", "model=resnet8", env=environment(), cwd=tmp_path)
    assert done.returncode == 2
    assert "model=resnet8 is unknown; accepted: ds_cnn_l" in done.stderr


def test_a_file_of_another_kind_is_refused_in_a_line(installed, tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    given = ["model=resnet8", "dataset=npz_images", "dataset.data_dir=text.npz"]
    done = harness("describe", *given, env=installed, cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "accepted: an .npz file of x_train" in line


def test_what_is_no_such_archive_is_refused_before_anything_is_trained(installed, tmp_path):
    code = """
import numpy as np
from harness.errors import DataError
from sparsity_extras.npz_images import NpzImages

def refused(path, accepted):
    for ask in (NpzImages(data_dir=path).require, NpzImages(data_dir=path).load):
        try:
            ask()
        except DataError as error:
            assert accepted in str(error), error
        else:
            raise AssertionError(path)

pictures = np.zeros((40, 8, 8, 3), np.uint8)
labels = np.arange(40) % 4
np.save("array.npy", pictures)
refused("array.npy", "accepted: an .npz file of x_train")
refused(".", "a folder; accepted: an .npz file of x_train")
for train, test, strange in (
    (labels, labels + 1, 4),
    (labels, labels - 1, -1),
    (labels - 1, labels, -1),
):
    np.savez("pictures.npz", x_train=pictures, y_train=train, x_test=pictures, y_test=test)
    refused("pictures.npz", f"label {strange}; accepted: 0 to {train.max()}")
np.savez("pictures.npz", x_train=pictures, y_train=labels, x_test=pictures, y_test=labels)
NpzImages(data_dir="pictures.npz").require()
"""
    subprocess.run(
        [sys.executable, "-c", code], env=installed, cwd=tmp_path, check=True, timeout=600
    )


def test_the_score_is_the_published_one(installed, tmp_path):
    code = """
import types
import numpy as np, tensorflow as tf
from sparsity_extras.lamp import Lamp

values = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("float32")
values[0] = 0.0
weight = types.SimpleNamespace(value=tf.constant(values), shape=values.shape)
found = Lamp().scores(weight, 0).numpy()
squares = values.astype("float64") ** 2
expected = [square / squares[squares >= square].sum() for square in squares[1:].ravel()]
np.testing.assert_allclose(found[1:].ravel(), expected, rtol=1e-5)
assert found[0].max() == 0 and found.max() == 1
"""
    subprocess.run([sys.executable, "-c", code], env=installed, check=True, timeout=600)


@pytest.mark.slow
def test_a_cell_of_nothing_but_things_from_outside(installed, pictures, tmp_path):
    steps = [
        f"training.{phase}.{key}"
        for phase in ("dense", "finetune")
        for key in ("epochs=null", "steps=30")
    ]
    done = harness(
        *(
            "run",
            "--config-dir",
            str(PRESETS),
            "model=resnet8",
            "model.filters=4",
            "model.momentum=0.9",
        ),
        *("dataset=npz_images", f"dataset.data_dir={pictures}", "training=resnet8", *steps),
        *("sparsity=kernels_lamp", "export=keras", "sparsity.schedule.frequency=5"),
        env=installed,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cells = runs(f"sqlite:///{tmp_path / 'mlflow.db'}")
    sparse = next(cell for cell in cells if cell.params.get("sparsity.pattern.kind") == "kernels")
    assert len(cells) == 2, "and its dense baseline"
    assert sparse.params["model.name"] == "resnet8"
    assert sparse.metrics["sparsity/prunable"] == pytest.approx(0.5, abs=0.005)
    assert sparse.tags["harness.data"].startswith("digits.npz: 400 pictures")
    every = [weights for weights in sparse.weights().values() if weights.ndim == 4]
    kernels = [weights for weights in every if weights.shape[:2] == (3, 3)]
    assert (len(every), len(kernels)) == (9, 7)
    for kernel in kernels:
        pairs = (kernel != 0).mean(axis=(0, 1))
        assert set(np.unique(pairs)) <= {0.0, 1.0}, "kernels are kept or zeroed whole"
        assert pairs.any()
    shares = [float((kernel == 0).mean()) for kernel in kernels]
    assert max(shares) - min(shares) > 0.1, "each layer finds its own sparsity"
