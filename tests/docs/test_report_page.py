"""The commands of docs/report.md run, and the page names what the report has."""

import re
import shlex
from pathlib import Path

import pytest

from harness.cli.commands import main
from harness.report import FORMATS
from tests.report.store import Store

PAGE = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """A store with one dense cell of the demo."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    Store(uri, "demo").cell()
    return uri


#: Of runs kept as files: they go together.
KEEPING = [each for each in COMMANDS if "collect" in each or "--from" in each]


def test_what_is_collected_is_rebuilt(uri, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    collect, rebuild = (shlex.split(command)[1:] for command in KEEPING)
    assert main([*collect, "--uri", uri]) == 0
    assert main(rebuild) == 0
    assert "not run" in capsys.readouterr().out
    assert (tmp_path / "results" / "index.html").is_file()
    assert (tmp_path / "results" / "examples.csv").is_file()


@pytest.mark.parametrize("command", [each for each in COMMANDS if each not in KEEPING])
def test_the_commands_run(command, uri, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(command)
    assert program == "harness"
    assert main([*words, "--uri", uri]) == 0
    assert "not run" in capsys.readouterr().out
    assert list((tmp_path / "results").glob("*/table.csv"))


def test_every_option_and_format_is_on_the_page(capsys):
    with pytest.raises(SystemExit):
        main(["report", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert len(options) == 11
    for option in options:
        assert f"`{option}" in PAGE, option
    assert all(f"table.{name}" in PAGE for name in FORMATS)
