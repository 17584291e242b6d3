"""Every command that is printed or kept with a run is one that can be typed."""

import re
import shlex
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.runs import runs
from tests.settings import TINY, command, environment, harness

EXTRA = "training.finetune.steps=20"
SWEEP = f"""\
title: A small net
scale: small
blocks:
  - overrides: [{", ".join(f"'{override}'" for override in TINY)}]
    cells:
      - {{sparsity: mine, sparsity.scope.exclude: [mnist_cnn/logits/kernel]}}
"""
MINE = "defaults: [random]\n\nname: mine\ntarget: 0.6\n"


@dataclass(frozen=True)
class Ran:
    """A folder with a user's own presets and sweep, and what was printed while they ran."""

    folder: Path
    printed: dict[str, str]

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / 'my store.db'}"


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Ran:
    folder = tmp_path_factory.mktemp("printed")
    for name, content in {"own/sparsity/mine.yaml": MINE, "my sweeps/tiny.yaml": SWEEP}.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(content)
    where = ("tracking.uri=sqlite:///my store.db", "--config-dir", "own")
    path = "my sweeps/tiny.yaml"
    commands = {
        "sweep": ("sweep", path, *where),
        "variant": ("sweep", path, EXTRA, *where, "--out", "my tables"),
        "run": ("run", *TINY, "tracking.experiment=2026_11_27", *where),
    }
    printed = {}
    for name, words in commands.items():
        done = harness(*words, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        printed[name] = done.stdout
    return Ran(folder, printed)


def further(printed):
    """The commands that an output ends with."""
    return re.findall(r"^  (harness .*?)(?:    .*)?$", printed, re.MULTILINE)


def typed(line, folder):
    """What a shell makes of a line."""
    words = shlex.split(line)
    assert words[0] == "harness"
    return harness(*words[1:], cwd=folder)


def test_a_command_ends_with_what_to_do_next(ran):
    for name in ("sweep", "variant", "run"):
        report, look = further(ran.printed[name])
        assert report.startswith("harness report ")
        assert look.startswith("harness ui ")
    assert "'my sweeps/tiny.yaml'" in further(ran.printed["sweep"])[0]
    assert "2026_11_27" in further(ran.printed["run"])[1]


@pytest.mark.parametrize("name", ["sweep", "variant", "run"])
def test_the_printed_report_writes_the_table_again(ran, name):
    done = typed(further(ran.printed[name])[0], ran.folder)
    assert done.returncode == 0, done.stderr
    assert "not run" not in done.stdout
    wrote = [line for line in ran.printed[name].splitlines() if line.startswith("wrote ")]
    if wrote:
        assert wrote[0] in done.stdout.splitlines(), "the same files"


@pytest.mark.parametrize("name", ["sweep", "run"])
def test_the_printed_interface_opens(ran, name):
    words = shlex.split(further(ran.printed[name])[1])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    process = subprocess.Popen(
        command(*words[1:], "--port", port),
        cwd=ran.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert "/#/experiments/" in process.stdout.readline()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)


def test_every_runs_own_command_finds_it_finished(ran):
    found = [*runs(ran.uri), *runs(ran.uri, "sweep")]
    lines = {run.tags["harness.command"] for run in found}
    described = {
        line
        for run in found
        for line in re.findall(r"`(harness [^`]*)`", run.tags["mlflow.note.content"])
    }
    assert described == lines
    for page in ("results/tiny", "my tables"):
        text = (ran.folder / page / "table.md").read_text()
        lines |= set(re.findall(r"`(harness [^`]*)`", text))
    assert len(lines) == 6, "two sweeps, two dense cells, two sparse ones"
    before = {run.id for run in found}
    for line in sorted(lines):
        done = typed(line, ran.folder)
        assert done.returncode == 0, (line, done.stdout + done.stderr)
        assert "Nothing to do" in done.stdout, line
    assert {run.id for run in (*runs(ran.uri), *runs(ran.uri, "sweep"))} == before


def test_a_sweep_with_other_overrides_is_one_of_its_own(ran):
    first, second = runs(ran.uri, "sweep")
    assert first.tags["mlflow.runName"] == "sweep · tiny"
    assert second.tags["mlflow.runName"] == f"sweep · tiny · {EXTRA}"
    assert EXTRA not in first.tags["mlflow.note.content"]
    assert EXTRA in second.tags["mlflow.note.content"]
    assert "table/table.md" in first.files()
    assert "table/table.md" in second.files()
    assert EXTRA in second.path("table/table.md").read_text().splitlines()[0]
    assert EXTRA not in first.path("table/table.md").read_text().splitlines()[0]
    names = [run.tags["mlflow.runName"] for run in runs(ran.uri)]
    assert len(set(names)) == len(names) - 1, "one dense cell in each experiment"
    assert sum("finetune.steps=20" in name for name in names) == 1
    notes = first.client.get_experiment_by_name("tiny").tags["mlflow.note.content"]
    assert first.id in notes
    assert second.id in notes


def test_presets_of_ones_own_reach_the_cells_and_their_names(ran):
    tag = "harness.config.sparsity.name"
    first, second = [run for run in runs(ran.uri) if run.tags.get(tag) == "mine"]
    for run in (first, second):
        assert run.params["sparsity.target"] == "0.6"
        assert "random 60%" in run.tags["mlflow.runName"]
