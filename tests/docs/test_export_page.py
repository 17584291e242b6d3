"""What docs/export.md says of commands, formats and metrics is so."""

import re
import shlex
from pathlib import Path

import pytest

from harness.cli.commands import _parse
from harness.export import FORMATS
from harness.export.timing import scripts
from harness.export.timing.times import BUSY, NO_GAIN

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_understood(line):
    program, *words = shlex.split(line)
    assert program == "harness"
    parsed = _parse(words)
    if words[0] == "export":
        assert set(parsed.formats.split(",")) <= set(FORMATS.names())


def test_every_format_is_told_with_its_file_and_its_score():
    rows = dict(re.findall(r"^\| `(\w+)` \| `([\w./]+)` \|", PAGE, re.MULTILINE))
    assert rows.keys() == set(FORMATS.names())
    for kind, file in rows.items():
        each = FORMATS.find(kind)
        assert file.rstrip("/") == each.file
        if each.scored:
            assert f"`{each.scored}/accuracy`" in PAGE


def test_the_words_are_those_of_the_program():
    assert NO_GAIN in PAGE
    assert BUSY in PAGE
    for script in (scripts.ARM, scripts.GPU):
        assert script in PAGE
