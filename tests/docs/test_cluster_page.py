"""The commands of docs/cluster.md are those that there are."""

import re
import shlex
from pathlib import Path

import pytest

from harness.cli.commands import _parse
from harness.config.searched import axes
from harness.sweep.engines.base import ENGINES

PAGE = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("harness ")
]  # fmt: skip


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_read(line):
    parsed = _parse(shlex.split(line)[1:])
    assert all("=" in override for override in parsed.overrides)
    if hasattr(parsed, "trials"):
        assert len(axes(parsed.overrides)[1]) == 3
    elif parsed.on:
        assert parsed.on in ENGINES.names()


def test_the_extras_are_those_of_the_package():
    stated = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"sparsity-harness\[(\w+)\]", PAGE):
        assert f"\n{extra} = [" in stated
