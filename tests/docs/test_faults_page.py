"""The commands of docs/faults.md run."""

import shlex

import pytest

from harness.cli.commands import _parse
from harness.sweep.worker import STOP_SECONDS
from harness.tracking import away
from tests.docs.test_readme import commands
from tests.settings import ROOT, harness

PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", commands("docs/faults.md"))
def test_a_command_runs(command, tmp_path):
    done = harness(*shlex.split(command)[1:], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing waits in work." in done.stdout


def test_a_command_takes_what_the_page_says():
    parsed = _parse(["deliver", "other", "--uri", "http://HOST:5000"])
    assert (parsed.work_dir, parsed.uri) == ("other", "http://HOST:5000")


def test_the_time_that_cells_have_to_end_in():
    assert f"not ended after {STOP_SECONDS:g} seconds is killed" in PAGE


def test_the_time_that_a_store_is_waited_for():
    assert f"{away.VARIABLE}=60" in PAGE
    assert (away.PATIENCE, "waits five minutes" in PAGE) == (300, True)
