"""A sweep of small cells on an engine that is really there."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigError
from harness.sweep.engines.base import chosen
from tests.cell.test_faults import CELL
from tests.settings import shell

#: Long enough for a look at it, a signal, and what comes of that.
LONG = (*(each for each in CELL if "dense.steps" not in each), "training.dense.steps=600")
SWEEP = f"""\
title: A small net on digits
scale: small
seeds: [1]
blocks:
  - overrides: [{", ".join(f"'{override}'" for override in LONG)}]
    cells:
      - sparsity=dense
      - sparsity=random sparsity.target=0.75
      - sparsity=structured_2x4
"""
ENDS = {"finished", "failed", "cancelled"}


class Submitted:
    """A folder whose sweep goes to an engine; skips the test where that is not here."""

    def __init__(self, engine: str, folder: Path):
        try:
            chosen(engine).states({"any": "1"}, folder)
        except ConfigError as error:
            pytest.skip(str(error))
        self.engine, self.folder = engine, folder
        (folder / "real.yaml").write_text(SWEEP)

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    def submit(self) -> str:
        """Submits what is missing; returns what was printed."""
        done = shell("sweep", "real.yaml", "--on", self.engine, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told(self) -> dict[str, Any]:
        done = shell("sweep", "real.yaml", "--status", "--json", cwd=self.folder)
        assert done.returncode in (0, 1), done.stderr
        content: dict[str, Any] = json.loads(done.stdout)
        return content

    def dense(self) -> str:
        """The job of the dense cell."""
        job: str = self.told()["cells"][0]["job"]
        return job

    def cancel(self) -> None:
        done = shell("sweep", "real.yaml", "--cancel", cwd=self.folder)
        assert done.returncode == 0, done.stderr

    def settled(self) -> dict[str, int]:
        """How many cells are at which end, once all are at one."""
        counts: dict[str, int] = until(lambda: _ends(self.told()["counts"]))
        return counts

    def table(self) -> Path:
        """The table, once it is there."""
        path = self.folder / "results" / "real" / "table.md"
        until(path.exists)
        return path


def _ends(counts: dict[str, int]) -> dict[str, int] | None:
    return counts if set(counts) <= ENDS else None


def until(found: Callable[[], Any], seconds: float = 400) -> Any:
    """Polls until `found()` gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(1)
    raise AssertionError("it did not happen in time")
