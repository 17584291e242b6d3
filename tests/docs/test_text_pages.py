"""The commands and the code of docs/translation.md and docs/text.md.

Sweeps and cells are composed, not run; the code runs, on a small model's file.
"""

import re
import shlex
import subprocess
import sys

import pytest

from harness import sweep
from harness.config.compose import compose
from harness.config.schema import GnmtConfig
from harness.models import build
from harness.models.plain import plain
from tests.settings import ROOT
from tests.test_readme import commands

TRANSLATION = (ROOT / "docs/translation.md").read_text()


@pytest.mark.parametrize("command", commands("docs/translation.md"))
def test_the_sweeps_are_as_described(command):
    _, _, name, *extra = shlex.split(command)
    configs = [config for config, _ in sweep.load(name).configs(extra)]
    found = {(config.dataset.direction, config.sparsity.target) for config in configs}
    targets = (None, 0.8, 0.85, 0.9)
    assert found == {(pair, target) for pair in ("en_de", "de_en") for target in targets}
    assert len(configs) == 8
    sizes = {(config.model.layers, config.model.units) for config in configs}
    assert sizes == ({(2, 256)} if name.endswith("small") else {(4, 1024)})
    folders = {config.dataset.data_dir for config in configs}
    assert folders == {"MULTI30K" if name.endswith("small") else "WMT16"}


def test_the_reviews_cell_composes():
    (line,) = re.findall(r"^ {4}harness run (.*)$", (ROOT / "docs/text.md").read_text(), re.M)
    config = compose(shlex.split(line))
    assert (config.model.name, config.dataset.name) == ("imdb_lstm", "imdb")


def test_a_stored_model_is_read_as_described(tmp_path):
    plain(build(GnmtConfig("gnmt", 2, 6), (None,), 23)).save(tmp_path / "model.keras")
    (code,) = re.findall(r"```python\n(.*?)```", TRANSLATION, re.S)
    code += "print(model.name, model.count_params())\n"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    name, parameters = done.stdout.split()
    assert name == "gnmt"
    assert int(parameters) > 0
