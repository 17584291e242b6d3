"""The commands and the code of docs/translation.md and docs/text.md.

Sweeps and cells are composed, not run; the code runs, on a small model's file.
"""

import re
import shlex
import subprocess
import sys

import pytest

from harness.config.compose import compose
from harness.models import build
from harness.models.gnmt import Gnmt
from harness.models.layers.plain import plain
from harness.sweep import spec as sweep
from tests.data.text import pair_files
from tests.docs.test_readme import commands
from tests.runs import by_sparsity
from tests.settings import ROOT, harness

TRANSLATION = (ROOT / "docs/translation.md").read_text()


@pytest.mark.parametrize("command", commands("docs/translation.md"))
def test_the_sweeps_are_as_described(command):
    _, _, name, *extra = shlex.split(command)
    configs = [config for config, _ in sweep.load(name).configs(extra)]
    found = {(config.dataset.direction, config.sparsity.target) for config in configs}
    targets = (None, 0.8, 0.85, 0.9)
    assert found == {(pair, target) for pair in ("en_de", "de_en") for target in targets}
    small = name.endswith("small")
    # with a control, where sparse cells start from dense ones; three seeds one way, two back
    assert len(configs) == (28 if small else 8)
    sizes = {(config.model.layers, config.model.units) for config in configs}
    assert sizes == ({(2, 256)} if small else {(4, 1024)})
    folders = {config.dataset.data_dir for config in configs}
    assert folders == {"MULTI30K" if small else "WMT16"}


def test_your_own_two_files_become_cells(tmp_path):
    check, run = commands("docs/text.md")
    pair_files.write(tmp_path / "my_pairs", "corpus", pair_files.sentences(300))
    small = ["dataset.vocabulary_size=48", f"dataset.cache_dir={tmp_path / 'cache'}"]
    done = harness(*shlex.split(check)[1:], *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"training pairs \(0 empty, 0 too long, [1-9]\d* held out", done.stdout)
    tiny = ["model.units=8", "training.dense.epochs=1", "training.finetune.epochs=1"]
    done = harness(*shlex.split(run)[1:], *small, *tiny, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = by_sparsity(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert cells.keys() == {"dense", "random"}
    assert cells["random"].metrics["sparsity/prunable"] == pytest.approx(0.8, abs=0.01)


def test_the_reviews_cell_composes():
    (line,) = re.findall(r"^ {4}harness run (.*)$", (ROOT / "docs/text.md").read_text(), re.M)
    config = compose(shlex.split(line))
    assert (config.model.name, config.dataset.name) == ("imdb_lstm", "imdb")


def test_a_stored_model_is_read_as_described(tmp_path):
    plain(build(Gnmt("gnmt", 2, 6), (None,), 23)).save(tmp_path / "model.keras")
    (code,) = re.findall(r"```python\n(.*?)```", TRANSLATION, re.S)
    code += "print(model.name, model.count_params())\n"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    name, parameters = done.stdout.split()
    assert name == "gnmt"
    assert int(parameters) > 0
