"""From the committed runs to all tables, pages and plots, without a store.

    python -m benchmarks.rebuild [--against WORKTREE] [--rounds 3]

Runs `harness report --from results/runs`, in a process of its own each time, and says the seconds
by the clock and of processor time, imports and all. `--against` names a folder with another commit
(`git worktree add`), whose command is run in turns with this one's on the same runs.

Aim: 10 s.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import descendants
from benchmarks.sweep import commit

HERE = Path(__file__).parents[1]
_AIM = 10.0


def rebuild(root: Path) -> tuple[float, float]:
    """Rebuilds the tables by a checkout's code: seconds by the clock, and of processors."""
    before = descendants.busy()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        words = ["harness", "report", "--from", str(HERE / "results" / "runs"), "--out", out]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        subprocess.run(
            [sys.executable, "-m", *words],
            cwd=out,
            env=environment,
            check=True,
            capture_output=True,
        )
    clock = time.perf_counter() - began
    descendants.wait()
    return clock, descendants.busy() - before


def main() -> None:
    """Measures in turns, prints medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    roots = {"this": HERE}
    if given.against:
        roots[commit(given.against)] = given.against.resolve()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in roots}
    descendants.adopt()
    for _ in range(given.rounds):
        for name, root in roots.items():
            found[name].append(rebuild(root))
    for name, times in found.items():
        clock, busy = (statistics.median(each) for each in zip(*times, strict=True))
        line = f"{name:8} {clock:5.1f} s by the clock, {busy:5.1f} s of processors"
        if name == "this":
            line += f"; aim {_AIM:.0f} s: {'met' if clock <= _AIM else 'missed'}"
        else:
            ratios = [a / b for (_, a), (_, b) in zip(found["this"], times, strict=True)]
            line += f"; this: {statistics.median(ratios):.2f}x of its processor time"
        print(line)


if __name__ == "__main__":
    main()
