"""100,000 cells planned, looked up in a store that holds them, and their jobs played through.

    python -m benchmarks.plan [--cells 100000] [--workers 1000]

The sweep has 20 settings (dense, and 19 sparsities) of one model, each with 5,000 seeds; the store
is an SQLite file of MLflow's, in which half of the cells are finished. Times are wall seconds of
this process, memory is the most that it had. `many settings` says what composing a cell costs that
differs in more than its seed, which is most of a plan of such.
"""

import argparse
import resource
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from harness.cell.cell import Cell
from harness.sweep.forecast import forecast
from harness.sweep.plan import plan
from harness.sweep.simulate import makespan
from harness.sweep.spec import Sweep
from harness.tracking import store
from harness.tracking.runs import find_all

TARGETS = 19


def sweep(seeds: int) -> Sweep:
    """Dense and sparse cells, each with so many seeds."""
    sparse = [("sparsity=random", f"sparsity.target={0.05 * n:.2f}") for n in range(1, TARGETS + 1)]
    blocks = (((), (("sparsity=dense",), *sparse)),)
    return Sweep("plan", "Planned", "small", tuple(range(1, seeds + 1)), blocks)


def fill(uri: str, experiment: str, cells: Sequence[Cell]) -> None:
    """Finished runs of cells, as rows: MLflow's own client would take a quarter of an hour."""
    number = store.open_experiment(uri, experiment)
    path = store.sqlite_path(uri)
    runs, tags = [], []
    for place, cell in enumerate(cells):
        run = uuid.UUID(int=place).hex
        runs.append((run, run, number, "FINISHED", place, place + 1, "active"))
        said = {
            "harness.cell_id": cell.id,
            "harness.trained_id": cell.trained,
            "harness.complete": "true",
            "harness.kind": "cell",
            "mlflow.parentRunId": "0" * 32,
            **{f"harness.other{n}": "x" * 40 for n in range(10)},
        }
        tags += [(key, value, run) for key, value in said.items()]
    with closing(sqlite3.connect(str(path))) as db, db:
        db.executemany(
            "INSERT INTO runs (run_uuid, name, experiment_id, status, start_time, end_time, "
            "lifecycle_stage) VALUES (?, ?, ?, ?, ?, ?, ?)",
            runs,
        )
        db.executemany("INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", tags)


def main() -> None:
    """Plans, looks up, plays through, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1000)
    given = parser.parse_args()
    seeds = given.cells // (TARGETS + 1)
    with tempfile.TemporaryDirectory() as folder:
        uri = f"sqlite:///{folder}/mlflow.db"
        extra = [f"tracking.uri={uri}", f"work_dir={folder}/work"]
        sweep(1).configs(extra)  # imports and registration, which any command has
        began, used = time.perf_counter(), time.process_time()
        cells = plan(sweep(seeds).configs(extra))
        planned, busy = time.perf_counter() - began, time.process_time() - used
        fill(uri, "plan", cells[: len(cells) // 2])
        began, used = time.perf_counter(), time.process_time()
        known = find_all(uri, "plan")
        states = forecast(cells, known, [])
        queried, busy = time.perf_counter() - began, busy + time.process_time() - used
        took = planned + queried
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        finished = sum(each.state == "finished" for each in states)
        print(f"cells                {len(cells):,}, of which {finished:,} are finished")
        print(f"planned              {planned:.1f} s")
        print(f"looked up            {queried:.1f} s")
        print(f"both                 {took:.1f} s, of 10 s ({busy:.1f} s of a processor's time)")
        print(f"memory               {peak:.0f} MB, of 500 MB")
        began = time.perf_counter()
        for minutes in (10, 60):
            seconds = {cell.id: minutes * 60.0 for cell in cells}
            whole = makespan(cells, seconds, given.workers)
            least = len(cells) * minutes / 60 / given.workers
            print(
                f"{minutes:2} minutes a cell      {whole / 3600:.1f} h on {given.workers:,} "
                f"workers; {least:.1f} h if nobody waited"
            )
        print(f"played through twice {time.perf_counter() - began:.1f} s")
        print(f"database             {Path(folder, 'mlflow.db').stat().st_size / 1e6:.0f} MB")
        began = time.perf_counter()
        sweep(1).configs(extra)
        each = (time.perf_counter() - began) / (TARGETS + 1)
        print(f"many settings        {each * 1e3:.1f} ms to compose each")


if __name__ == "__main__":
    main()
