"""One small sweep on real digits, run once by real processes, for all tests that look at it."""

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from mlflow import MlflowClient

from tests.runs import copied
from tests.settings import SURROUNDINGS, TINY, shell

os.environ.update(SURROUNDINGS)

# A shell that starts the tests in the background has them ignore Ctrl-C, and every process
# that they start would inherit that; with a handler here, those start with the default.
signal.signal(signal.SIGINT, signal.default_int_handler)
# `nohup` does the same with hang-ups.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

SWEEP = f"""\
title: A small net on digits
scale: small
seeds: [1]
blocks:
  - overrides: [{", ".join(f"'{override}'" for override in TINY)}]
    cells:
      - sparsity=dense
      - sparsity=random sparsity.target=0.75
      - sparsity=structured_2x4
"""


#: Whose files take long start first, or two processes would wait for a third at the end.
LONG = ("cell", "docs", "tasks", "sweep", "tracking", "training")


def pytest_collection_modifyitems(items):
    def place(item):
        room = item.nodeid.split("/")[1]
        return LONG.index(room) if room in LONG else len(LONG)

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI, which installs whatever a test needs, a skipped test is a failed one."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped, where nothing may be: {report.longrepr[-1]}"
    return report


@pytest.fixture
def mortal() -> Iterator[None]:
    """Takes from root, for a test, the right to read and write what permissions forbid."""
    if os.geteuid() != 0:
        yield
        return
    libc, override = ctypes.CDLL(None, use_errno=True), 0b110  # CAP_DAC_OVERRIDE, _READ_SEARCH
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # capget(2), version 3, of this thread
    before, without = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    for held in (before, without):
        assert libc.capget(header, held) == 0
    without[0] &= ~override
    assert libc.capset(header, without) == 0
    yield
    assert libc.capset(header, before) == 0


@pytest.fixture(autouse=True)
def _kernels_as_chosen() -> Iterator[None]:
    """Deterministic kernels, which a cell's seeds turn on for its whole process, end with a test.

    Else a model of a later test trains without XLA where it asks for it, and its random
    operations are refused without a seed: by which tests came before it in its process.
    """
    _free_kernels()
    yield
    _free_kernels()


def _free_kernels() -> None:
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework.config import disable_op_determinism

        disable_op_determinism()


@dataclass(frozen=True)
class Swept:
    """A folder in which `harness sweep tiny.yaml` has run, and what it printed."""

    folder: Path
    output: str

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"


@pytest.fixture(scope="session")
def swept(tmp_path_factory) -> Swept:
    """For each of the test processes a copy of the store; the artifacts are those of one sweep."""
    mine = tmp_path_factory.getbasetemp()
    made = (mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) / "swept"
    with FileLock(f"{made}.lock"):
        if not (made / "output.txt").exists():
            made.mkdir()
            (made / "tiny.yaml").write_text(SWEEP)
            done = shell("sweep", "tiny.yaml", "--jobs", "2", cwd=made, timeout=900)
            assert done.returncode == 0, done.stdout + done.stderr
            (made / "output.txt").write_text(done.stdout)
    folder = copied(made, tmp_path_factory.mktemp("swept") / "copy")
    return Swept(folder, (folder / "output.txt").read_text())


@pytest.fixture(scope="session")
def _empty_store(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store_uri(_empty_store, tmp_path) -> str:
    """An empty store in `tmp_path`: a copy, for MLflow takes seconds to make one."""
    shutil.copy(_empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"
