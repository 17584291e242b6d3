"""docs/extending.md, followed to the letter: a file of each kind, no other edited, and a cell."""

import re
import shlex
import shutil
import subprocess

import pytest

from tests.runs import runs
from tests.settings import ROOT, command, environment

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
#: path -> what the page has of a file of each kind
FILES = dict(re.findall(r"```python\n# (harness/\S+\.py)\n(.*?)```", PAGE, re.DOTALL))
(RUN,) = re.findall(r"^    harness (run .*?[^\\])$", PAGE, re.MULTILINE | re.DOTALL)
SHORT = [
    f"training.{phase}.{key}"
    for phase in ("dense", "finetune")
    for key in ("epochs=null", "steps=30")
]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the harness with the page's files put in, none of which was there."""
    copy = tmp_path_factory.mktemp("house")
    for folder in ("harness", "conf"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path, content in FILES.items():
        assert not (copy / path).exists(), path
        (copy / path).write_text(content)
    return copy


def started(house, cwd, *words):
    """The command line of the copy, to its end."""
    return subprocess.run(
        command(*words),
        env={**environment(), "PYTHONPATH": str(house)},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_every_kind_that_a_folder_lists_has_its_file():
    folders = {path.rpartition("/")[0] for path in FILES}
    table = re.findall(r"^\| [\w ]+ \| `(harness/[\w/]+)`", PAGE, re.MULTILINE)
    others = {"harness/tasks", "harness/data/prepare"}
    assert folders == set(table) - others | {"harness/data/images"}
    assert others <= set(table)


def test_a_file_of_each_kind_makes_a_cell(house, tmp_path):
    done = started(house, tmp_path, *shlex.split(RUN.replace("\\\n", " ")), *SHORT)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = runs(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert len(cells) == 2, "and its dense baseline"
    sparse = next(run for run in cells if run.params.get("sparsity.pattern.kind") == "pairs")
    for path in FILES:
        name = path.rpartition("/")[2].removesuffix(".py")
        assert name in {*sparse.params.values(), "npz"}, f"{path} was chosen"
    assert sparse.metrics["size/npz_max_error"] == 0
    assert sparse.metrics["sparsity/prunable"] == pytest.approx(0.5, abs=0.01)
    kernel = sparse.weights()["layers/dense/vars/0"]
    assert (kernel == 0).mean() == pytest.approx(0.5, abs=0.01)
    assert set((kernel == 0).sum(axis=1)) <= {0, 2}, "outputs in pairs"
