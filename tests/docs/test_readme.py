"""Every command of the README and of CONTRIBUTING runs, in order, in one folder.

Training commands get a tiny network and a few steps; nothing else about them is changed.
"""

import re
import shlex
import subprocess

import pytest

from tests.settings import ROOT, harness, shell

TINY = [
    "model.filters=[2,4]",
    "model.units=8",
    "training.dense.epochs=null",
    "training.dense.steps=4",
    "training.finetune.epochs=null",
    "training.finetune.steps=4",
    "export.formats=[]",
]


def commands(page: str) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


README = commands("README.md")
#: Those that train, and so get the tiny network.
TRAINING = ("harness run", "harness sweep", "python -m harness.run")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("readme")


def test_the_readme_shows_commands():
    assert {"make demo", "make test"} <= set(README)
    kinds = {command.split()[1] for command in README if command.startswith("harness ")}
    assert kinds == {"run", "sweep", "report", "describe", "data", "ui"}


# `harness ui` does not end by itself: tests/cli/test_main.py starts it and looks at what it serves
@pytest.mark.parametrize("command", [c for c in README if not c.startswith(("make", "harness ui"))])
def test_readme_command(command, folder):
    words = shlex.split(command) + (TINY if command.startswith(TRAINING) else [])
    if words[0] == "harness":
        done = harness(*words[1:], cwd=folder)
    else:
        assert words[:3] == ["python", "-m", "harness.run"], command
        done = shell(*words[3:], cwd=folder, module="harness.run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("command", [*README, *commands("CONTRIBUTING.md")])
def test_make_targets_exist_and_do_what_is_said(command):
    if not command.startswith("make "):
        return
    planned = subprocess.run(
        ["make", "--dry-run", *command.split()[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert planned.returncode == 0, planned.stderr
    expected = {"make demo": "harness sweep demo", "make test": "-m pytest"}.get(command, "")
    assert expected in planned.stdout


def test_ci_runs_the_readmes_test_command():
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert {"make check", "make test", "make test-portable"} <= set(lines)
    assert "make test" in README
