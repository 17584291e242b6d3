"""A sweep killed again and again, wherever it stands, ends as one that nobody disturbed."""

import csv
import functools
import random
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from harness.sweep import launch
from tests.killing import HARNESS, WORDS, Kill, given, ordered
from tests.runs import Run, assert_same_numbers, assert_same_weights, runs
from tests.settings import TINY, command, environment, harness

SWEEP = """\
title: A small net on digits
scale: small
seeds: [1, 2, 3]
blocks:
  - overrides: [{overrides}]
    cells:
      - sparsity=dense
      - sparsity=random sparsity.target=0.75
"""
#: Ten checkpoints a phase, with metrics between two of them.
CELL = (
    *TINY,
    "training.dense.steps=80",
    "training.finetune.steps=80",
    "training.checkpoint_epochs=0.25",
    "training.log_every=2",
    "export.formats=[]",
)
#: Files of a run that hold its id or a time.
OWN = ("model/MLmodel", "model/model.keras")

CELL_RUN = "harness.tracking.cell_run:CellRun"
OUTBOX = "harness.tracking.outbox:Outbox"
CLIENT = "mlflow:MlflowClient"

#: Of a cell, from its first moment to its last.
MAKING = Kill(f"{CLIENT}.create_run", after=True)
DESCRIBING = Kill(f"{OUTBOX}._params")
LOADING = Kill("harness.data:load", after=True)
TRAINING = Kill(f"{CELL_RUN}.log", call=3)
SENDING = Kill(f"{OUTBOX}.send", call=5, after=True)
COMMITTING = Kill("sqlalchemy.engine.default:DefaultDialect.do_commit", call=12)
WRITING = Kill("os:fsync")
CHECKPOINTING = Kill("harness.training.checkpoint:Checkpoint.save", call=2, after=True)
ANYWHERE = Kill("harness.training.loop:fit", later=1.0)
EVALUATING = Kill("harness.cell.shipping:ship")
EXPORTING = Kill("harness.export.keras_file:to_keras", after=True)
LOGGING = Kill(f"{CELL_RUN}.artifact", call=4)
CLOSING = Kill(f"{CELL_RUN}.finish")
COMPLETE = Kill(f"{CLIENT}.set_terminated")
TIDYING = Kill("harness.cell.stages:tidy")
CELLS = (
    MAKING, DESCRIBING, LOADING, TRAINING, SENDING, COMMITTING, WRITING, CHECKPOINTING, ANYWHERE,
    EVALUATING, EXPORTING, LOGGING, CLOSING, COMPLETE, TIDYING,
)  # fmt: skip
#: Of the command: before there are cells under way, and behind them.
PLANNING = Kill("harness.sweep.launch:plan", after=True)
FOUNDING = Kill("mlflow.store.db.utils:_upgrade_db")
BEGINNING = Kill(f"{CLIENT}.create_run", after=True)
REPORTING = Kill("harness.sweep.launch:write_report", after=True)
ENDING = Kill(f"{CLIENT}.set_terminated")


class Ordeal:
    """A folder in which a sweep is run, killed as ordered, and at last let through."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.temporary = folder / "t"
        self.temporary.mkdir()
        overrides = ", ".join(repr(each) for each in CELL)
        (folder / "killed.yaml").write_text(SWEEP.format(overrides=overrides))

    def cells(self, monkeypatch, jobs: int = 2, **orders: list[Kill]) -> None:
        """Runs the sweep, and kills cells; `dense_1` is the dense cell of seed 1."""
        told = {name.replace("_", " "): kills for name, kills in orders.items()}
        before = self.kills()
        with monkeypatch.context() as patched:
            patched.setattr(launch, "execute", ordered(told))
            done = harness("sweep", "killed.yaml", "--jobs", str(jobs), cwd=self.folder)
        assert done.returncode == 1, done.stdout + done.stderr
        assert done.stdout.count("killed by SIGKILL") == len(orders), done.stdout
        assert self.kills() == before + len(orders)

    def power_cut(self, kill: Kill, whose: str = HARNESS) -> None:
        """Runs the sweep, and kills all of its processes at once."""
        before = self.kills()
        orders = {whose: [replace(kill, everything=True)]}
        done = self._start(given(orders, "sweep", "killed.yaml"))
        assert done.returncode == -9, done.stdout + done.stderr
        assert self.kills() == before + 1

    def finish(self) -> str:
        """Runs the sweep to its end."""
        done = self._start(command("sweep", "killed.yaml", "--jobs", "2"))
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def _start(self, line: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line,
            cwd=self.folder,
            env=environment() | {"TMPDIR": str(self.temporary)},
            capture_output=True,
            text=True,
            start_new_session=True,
            timeout=300,
        )

    def kills(self) -> int:
        words = self.folder / WORDS
        return len(words.read_text().splitlines()) if words.exists() else 0

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    def ended(self) -> dict[tuple[str, str], Run]:
        """The cells' runs by sparsity and seed."""
        found = runs(self.uri)
        named = {
            (run.tags["harness.config.sparsity.name"], run.params["seed"]): run for run in found
        }
        assert len(named) == len(found), "a cell has two runs"
        return named


def _numbers(table: Path) -> list[list[str]]:
    """A table's rows, without the ids of runs and without times."""
    header, *rows = csv.reader(table.read_text().splitlines())
    told = ("_seconds", "_ms")
    kept = [i for i, name in enumerate(header) if "run" not in name and not name.endswith(told)]
    return [[row[i] for i in kept] for row in (header, *rows)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    whole = Ordeal(tmp_path_factory.mktemp("undisturbed"))
    done = harness("sweep", "killed.yaml", "--jobs", "2", cwd=whole.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return whole


def assert_undone(ordeal, undisturbed):
    """Nothing tells the sweep that was killed from the one that was not."""
    cells, others = ordeal.ended(), undisturbed.ended()
    assert cells.keys() == others.keys()
    for name, run in cells.items():
        other = others[name]
        assert run.status == "FINISHED"
        assert run.tags["harness.complete"] == "true"
        assert "harness.failure" not in run.tags
        assert run.params == other.params
        assert_same_numbers(run, other)
        assert_same_weights(run, other)
        assert "time/step_ms" in run.metrics
        assert run.files() == other.files()
        for file in run.files() - set(OWN):
            assert run.path(file).read_bytes() == other.path(file).read_bytes(), (name, file)
    (parent,) = runs(ordeal.uri, "sweep")
    assert parent.status == "FINISHED"
    assert "harness.failure" not in parent.tags
    assert {run.tags["mlflow.parentRunId"] for run in cells.values()} == {parent.id}
    with closing(sqlite3.connect(ordeal.folder / "mlflow.db")) as db:
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (len(cells) + 1,)
        doubled = db.execute(
            "SELECT run_uuid, key, step FROM metrics GROUP BY 1, 2, 3 HAVING count(*) > 1"
        ).fetchall()
        assert not doubled
    work = ordeal.folder / "work"
    assert not [path for path in work.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert not list(ordeal.temporary.iterdir()), "temporary files"
    table = Path("results", "killed", "table.csv")
    assert _numbers(ordeal.folder / table) == _numbers(undisturbed.folder / table)


def test_ten_kills_leave_no_trace(undisturbed, tmp_path, monkeypatch):
    ordeal = Ordeal(tmp_path)
    kill = functools.partial(ordeal.cells, monkeypatch)
    kill(dense_1=[MAKING], dense_2=[TRAINING], dense_3=[COMMITTING])
    kill(dense_1=[CHECKPOINTING], dense_2=[EXPORTING], dense_3=[WRITING])
    kill(random_1=[LOGGING], random_2=[TIDYING], random_3=[COMPLETE])
    ordeal.power_cut(SENDING, whose="random 1")
    ordeal.finish()
    assert ordeal.kills() == 10
    assert_undone(ordeal, undisturbed)


def varied(kill: Kill, chance: random.Random) -> list[Kill]:
    """A kill at another of its calls or moments, and one for a cell that does not come to it."""
    calls = {TRAINING: 6, SENDING: 9, COMMITTING: 20, CHECKPOINTING: 3, LOGGING: 10}
    if kill in calls:
        kill = replace(kill, call=chance.randint(1, calls[kill]))
    if kill == ANYWHERE:
        kill = replace(kill, later=chance.uniform(0, 2))
    return [kill] if kill in CELLS[-3:] else [kill, CLOSING]


def hands(kills: Sequence[Kill], chance: random.Random) -> list[list[Kill]]:
    """The kills dealt out to three cells, each with the earliest stage first."""
    shuffled = chance.sample(list(kills), len(kills))
    return [sorted(shuffled[seed::3], key=CELLS.index) for seed in range(3)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_thirty_kills_leave_no_trace(undisturbed, tmp_path, monkeypatch, seed):
    """Of cells at every stage, dense and sparse, and of everything at once; 60 in all."""
    chance, ordeal = random.Random(seed), Ordeal(tmp_path)
    for kill in (PLANNING, FOUNDING, BEGINNING):
        ordeal.power_cut(kill)
    for name, dealt in (("dense", CELLS), ("random", chance.sample(CELLS, 9))):
        for orders in zip(*hands(dealt, chance), strict=True):
            told = {f"{name}_{seed}": varied(kill, chance) for seed, kill in enumerate(orders, 1)}
            ordeal.cells(monkeypatch, jobs=3, **told)
        if name == "dense":
            ordeal.power_cut(TRAINING, whose="random 1")
    ordeal.power_cut(REPORTING)
    ordeal.power_cut(ENDING)
    ordeal.finish()
    assert ordeal.kills() == 30
    assert_undone(ordeal, undisturbed)
