"""What a sweep costs beside training, and several cells at once beside Hydra's basic launcher.

    python -m benchmarks.sweep [--against WORKTREE …] [--parts cells demo hydra] [--quick]

`cells` is the demo's five cells, trained for a few steps each: nearly all of it is fixed cost;
`demo` is the demo; `hydra` is the demo's cells by `harness sweep --jobs auto` beside
`python -m harness.run` and its `--multirun` with the basic launcher. `--against` names folders
with other commits (`git worktree add`), the one that targets are set against first. Everything
runs in turns, in stores of its own. Wall seconds are what a user waits, and depend on what else
the machine does; processor seconds are of all processes together. What is neither training nor
evaluation (validation between steps and the test) is all the rest: importing, writing, converting,
weighing, drawing, logging and waiting. Commits from before evaluation was timed are taken to have
spent on it what this one did, since that code is the same.

Targets, by the clock: `cells` at most 0.4, `demo` 0.7, `hydra` 0.6 of the other's.
"""

import argparse
import math
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks import descendants

HERE = Path(__file__).parents[1]
#: The least of a training that both commits know how to ask for: steps are newer than epochs.
_SHORT = ["training.dense.epochs=0.01", "training.finetune.epochs=0.01"]
_SPARSE = ["sparsity=random", "sparsity.schedule.frequency=10"]
#: As the demo weighs its files (`sweeps/demo.yaml`), for a launcher that does not read it.
_MODEL = ["experiment=mnist_cnn", "export=tflite_gzip"]


@dataclass(frozen=True)
class Cost:
    """Of one command, or of several after one another.

    Attributes:
        wall: seconds.
        busy: processor seconds of all its processes.
        trained: seconds in training steps, by what its runs logged.
        evaluated: the same in validation and on the test split; 0 where that was not logged.
        step: milliseconds, median over its runs; NaN where they took too few to say.
    """

    wall: float
    busy: float
    trained: float
    evaluated: float
    step: float


def cost(root: Path, commands: list[list[str]]) -> Cost:
    """Runs `python -m` commands of a checkout, on a fresh store.

    Raises:
        SystemExit: one of them failed; its last lines are printed.
    """
    environment = {**os.environ, "PYTHONPATH": str(root), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as folder:
        where = [f"tracking.uri=sqlite:///{folder}/mlflow.db", f"work_dir={folder}/work"]
        began, used = time.perf_counter(), descendants.busy()
        for command in commands:
            ran = subprocess.run(
                [sys.executable, "-m", *command, *where], cwd=folder, env=environment,
                text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
            if ran.returncode:
                raise SystemExit(f"{root}: {' '.join(command)}\n{ran.stdout[-2000:]}")
        wall = time.perf_counter() - began
        descendants.wait()
        store = Path(folder, "mlflow.db")
        steps = _logged(store, "time/step_ms") or [float("nan")]
        trained, validated, tested = (
            sum(_logged(store, f"time/{name}_seconds")) for name in ("train", "validate", "test")
        )
        return Cost(
            wall, descendants.busy() - used, trained, validated + tested, statistics.median(steps)
        )


def _logged(store: Path, metric: str) -> list[float]:
    query = "SELECT value FROM latest_metrics WHERE key = ?"
    with closing(sqlite3.connect(store)) as db:
        return [float(value) for (value,) in db.execute(query, (metric,))]


def _sweep(root: Path, *more: str) -> Callable[[], Cost]:
    return lambda: cost(root, [["harness", "sweep", "demo", *more]])


def _launcher(length: list[str]) -> Callable[[], Cost]:
    """The demo's cells by Hydra: a run, and two multiruns that find its dense baseline."""
    several = "sparsity.target=0.5,0.75,0.9"
    commands = [
        ["harness.run", *_MODEL, *length],
        ["harness.run", "--multirun", *_MODEL, *_SPARSE, several, *length],
        ["harness.run", "--multirun", *_MODEL, "sparsity=structured_2x4", *length],
    ]
    return lambda: cost(HERE, commands)


def commit(root: Path) -> str:
    """A checkout's commit."""
    asked = ["git", "-C", str(root), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def compare(title: str, ways: dict[str, Callable[[], Cost]], rounds: int, target: float) -> None:
    """Runs all ways in turns and prints each, and the first one as a share of each other.

    Args:
        title: what is compared.
        ways: by name; the second is what the target is set against, if there is one.
        rounds: how many turns.
        target: of the first one's wall seconds over the second one's.
    """
    found: dict[str, list[Cost]] = {name: [] for name in ways}
    names = list(ways)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            found[name].append(ways[name]())
    print(title)
    first = found[names[0]]
    evaluated = statistics.median(each.evaluated for each in first)
    for name, costs in found.items():
        wall, busy, trained, step = (
            statistics.median(getattr(each, key) for each in costs)
            for key in ("wall", "busy", "trained", "step")
        )
        line = f"  {name:26} {wall:6.1f} s, {busy:6.1f} s of processors, {trained:6.1f} s training"
        line += "" if math.isnan(step) else f", {step:.1f} ms a step"
        if "auto" not in name:  # several train at once there
            rest = max(0.0, 1 - (trained + evaluated) / wall)
            line += f" ({rest:.0%} neither that nor evaluation)"
        if costs is not first:
            pairs = list(zip(first, costs, strict=True))
            ratio = statistics.median(a.wall / b.wall for a, b in pairs)
            used = statistics.median(a.busy / b.busy for a, b in pairs)
            line += f"; {names[0]}: {ratio:.2f}x, processors {used:.2f}x"
            if name == names[1]:
                met = "met" if ratio <= target else "missed"
                line += f"; target {target:.2f}x: {met}"
        print(line, flush=True)
    print(f"  evaluation took {evaluated:.1f} s")


def main() -> None:
    """Measures the parts that were asked for, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=["cells", "demo", "hydra"])
    parser.add_argument("--against", nargs="*", type=Path, default=[])
    parser.add_argument("--rounds", type=int, default=2, help="of cells; the others have one")
    parser.add_argument("--quick", action="store_true", help="one round; trains next to nothing")
    given = parser.parse_args()
    descendants.adopt()
    roots = {"this": HERE, **{commit(each): each.resolve() for each in given.against}}
    length = _SHORT if given.quick else []
    parts = given.parts or ["cells", "demo", "hydra"]
    if "cells" in parts:
        ways = {name: _sweep(root, *_SHORT) for name, root in roots.items()}
        rounds = 1 if given.quick else given.rounds
        compare("five cells that train 0.01 epochs each", ways, rounds, 0.4)
    if "demo" in parts:
        ways = {name: _sweep(root, *length) for name, root in roots.items()}
        compare("the demo", ways, 1, 0.7)
    if "hydra" in parts:
        ways = {
            "harness sweep --jobs auto": _sweep(HERE, "--jobs", "auto", *length),
            "Hydra's basic launcher": _launcher(length),
        }
        compare("the demo's cells, several at once", ways, 1, 0.6)


if __name__ == "__main__":
    main()
