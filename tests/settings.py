"""Overrides that make a cell small, and the command line as a user starts it."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.cli.commands import main

ROOT = Path(__file__).resolve().parents[1]

#: A net, and phases of a few steps: seconds a cell, of which training is the least.
TINY = (
    "model.filters=[4,8]",
    "model.units=16",
    "training.batch_size=128",
    "training.dense.epochs=null",
    "training.dense.steps=40",
    "training.finetune.epochs=null",
    "training.finetune.steps=40",
)


#: Of the tests and of what they start: this checkout from any folder, no device but the CPU, few
#: remarks, and lines that nothing breaks.
SURROUNDINGS = {
    "PYTHONPATH": str(ROOT),
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "COLUMNS": "200",
}


def environment() -> dict[str, str]:
    """The tests' own environment, and their surroundings."""
    return {**os.environ, **SURROUNDINGS}


def command(*arguments: str, module: str = "harness") -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def harness(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a folder, to its end, in this process.

    Its cells have processes of their own as ever, forked from a server that imports TensorFlow
    once for all commands of a test session, which is most of what a short command costs.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as left:  # of a wrong command line
            code = int(left.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def shell(
    *arguments: str, cwd: Path, module: str = "harness", timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a folder, to its end, as a user's shell starts it."""
    return subprocess.run(
        command(*arguments, module=module),
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def python(code: str, cwd: Path = ROOT) -> str:
    """Runs code in an interpreter of its own; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def imported(code: str, modules: Sequence[str]) -> set[str]:
    """Which of these modules an interpreter has imported after running the code."""
    found = python(f"{code}\nimport sys\nprint(*sys.modules)").split()
    return set(modules) & set(found)
