"""What docs/export.md says of commands, formats and metrics is so."""

import re
import shlex
from pathlib import Path

import pytest

from harness.cli.commands import _parse
from harness.config import compose
from harness.export import FORMATS
from harness.export.timing import scripts
from harness.export.timing.times import BUSY, NO_GAIN

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
#: Without the tables that are filled in: they name what differs, not what can be typed.
TEXT = re.sub(r"<!-- filled: .*?<!-- /filled -->|```.*?```", "", PAGE, flags=re.DOTALL)
INLINE = sorted(
    set(
        re.findall(
            r"`((?:experiment|sparsity|training|export|dataset|model)[a-z_.]*=[^`\s]+)`", TEXT
        )
    )
)
#: What some go with.
BESIDE = {
    "sparsity.score": ["sparsity=channels"],
    "sparsity.allocation": ["sparsity=channels"],
    "export=translation": ["experiment=gnmt_multi30k"],
    "training.finetune.quantize": ["experiment=mnist_cnn", "sparsity=random"],
}
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


def settings_of(words):
    return [word for word in words if re.fullmatch(r"[a-z][a-z_.]*=\S+", word)]


@pytest.mark.parametrize("line", [line for line in COMMANDS if settings_of(shlex.split(line))])
def test_the_settings_of_commands_are_a_cells(line):
    compose(settings_of(shlex.split(line)))


@pytest.mark.parametrize("setting", INLINE)
def test_settings_in_the_text_can_be_set(setting):
    key = setting.partition("=")[0]
    compose([*BESIDE.get(setting, BESIDE.get(key, [])), setting])


def test_a_score_and_an_allocation_of_channels_go_together():
    found = compose(
        ["sparsity=channels", "sparsity.score=batch_norm", "sparsity.allocation=global"]
    )
    assert (found.sparsity.score.kind, found.sparsity.allocation.kind) == ("batch_norm", "global")


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
