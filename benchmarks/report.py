"""From a store of 10,000 runs to all tables, beside mlflow.search_runs.

    python -m benchmarks.report [--runs 10000] [--rounds 3]

Makes an SQLite store of the page's three tables (30 parameters, 20 metrics a run, a history of
50 steps for one metric), then measures, each in a process of its own:

- `tables`: from the store to the files of all three tables, in every format, without plots
- `search_runs`: `mlflow.search_runs` to a pandas frame, the peer

and asserts that both read the same frame. Seconds are from the first import of the measured
library to the end, by the clock and of processor time (for a busy machine); the peak of
memory is that of the whole process.
"""

import argparse
import json
import multiprocessing
import resource
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.identity import FORMAT

PARAMS, METRICS, STEPS = 30, 20, 50
TABLES = ("image_classification", "translation", "keyword_spotting")
#: Shares of runs that a report must leave out: failed, still running.
_FAILED, _RUNNING = 0.05, 0.02


def make_store(path: Path, runs: int) -> None:
    """Writes a store of so many runs: MLflow makes the tables, plain SQL fills them."""
    import logging

    logging.disable(logging.WARNING)
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{path}")
    experiments = {name: int(client.create_experiment(name)) for name in TABLES}
    rng = np.random.default_rng(0)
    with closing(sqlite3.connect(path)) as db, db:
        for number in range(runs):
            name = TABLES[number % len(TABLES)]
            _add_run(db, experiments[name], _cell(name, number // len(TABLES)), number, rng)


def _cell(table: str, number: int) -> dict[str, str]:
    """The parameters that decide a run's row: the rows of the table in turns, then seeds."""
    from harness.report.pages import page_tables

    rows = page_tables()[table].rows
    return {**rows[number % len(rows)].where, "seed": str(number // len(rows))}


def _add_run(
    db: sqlite3.Connection, experiment: int, cell: dict[str, str], number: int, rng: Any
) -> None:
    run, start = uuid.UUID(int=number + 1).hex, 1_700_000_000_000 + 1000 * number
    draw = rng.random()
    status = "FAILED" if draw < _FAILED else "RUNNING" if draw < _FAILED + _RUNNING else "FINISHED"
    end = None if status == "RUNNING" else start + 500
    db.execute(
        "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time, "
        "lifecycle_stage, artifact_uri, experiment_id) VALUES (?,?,?,?,?,?,?,?,?,?)",
        (run, f"run {number}", "LOCAL", "user", status, start, end, "active", "none", experiment),
    )
    filler = {f"training.option_{i}": f"value {i}" for i in range(PARAMS - len(cell))}
    _insert(db, "params", [(key, value, run) for key, value in {**cell, **filler}.items()])
    tags = {
        "harness.kind": "cell",
        "harness.complete": "true" if status == "FINISHED" else "false",
        "harness.scale": "full",
        "harness.format": str(FORMAT),
        "harness.cell_id": f"cell {number}",
        "harness.data": "made up by this benchmark: synthetic",
        "harness.data_fingerprint": "f" * 64,
        "harness.git_commit": "c" * 40,
        "harness.command": "harness run " + " ".join(f"{k}={v}" for k, v in cell.items()),
        "mlflow.runName": f"run {number}",
    }
    _insert(db, "tags", [(key, value, run) for key, value in tags.items()])
    quality = {"test/accuracy": 0.7 + 0.01 * rng.normal(), "test/bleu": 26 + rng.normal()}
    sizes = {"sparsity/prunable": 0.5, "size/tflite_gzip_bytes": 1e6 + number}
    layers = {f"sparsity/layer/conv_{i}/kernel": rng.random() for i in range(METRICS - 4)}
    metrics = {**quality, **sizes, **layers}
    last = [(key, value, start, 0, STEPS, run) for key, value in metrics.items()]
    db.executemany(
        "INSERT INTO latest_metrics (key, value, timestamp, is_nan, step, run_uuid) "
        "VALUES (?,?,?,?,?,?)",
        last,
    )
    steps = [("sparsity/prunable", 0.5, start, 0, step, run) for step in range(STEPS)]
    db.executemany(
        "INSERT INTO metrics (key, value, timestamp, is_nan, step, run_uuid) VALUES (?,?,?,?,?,?)",
        last + steps,
    )


def _insert(db: sqlite3.Connection, table: str, rows: list[tuple[str, str, str]]) -> None:
    db.executemany(f"INSERT INTO {table} (key, value, run_uuid) VALUES (?,?,?)", rows)


# --- what is measured -----------------------------------------------------------------------


def tables(uri: str, folder: str) -> dict[str, float]:
    """All tables, in every format."""
    from harness.report import report
    from harness.report.pages import page_tables

    shown = 0
    for name in TABLES:
        result = report(page_tables()[name], uri=uri, out_dir=Path(folder, name), plots=False)
        shown += sum(len(entry.runs) for entry in result.table.entries)
    return {"runs_shown": shown}


def with_plots(uri: str, folder: str) -> dict[str, float]:
    """All tables and plots."""
    from harness.report import report
    from harness.report.pages import page_tables

    for name in TABLES:
        report(page_tables()[name], uri=uri, out_dir=Path(folder, name))
    return {}


def search_runs(uri: str, folder: str) -> dict[str, float]:
    """The peer: the same runs by MLflow's own way, to a frame and no further."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    found = mlflow.search_runs(experiment_names=list(TABLES), max_results=1_000_000)
    return {"runs_read": len(found)}


def equal_frames(uri: str, folder: str) -> dict[str, float]:
    """Asserts that both ways read the same frame."""
    import mlflow
    import pandas as pd

    from harness.tracking.runs import read_runs

    mlflow.set_tracking_uri(uri)
    for name in TABLES:
        ours = read_runs(uri, name).sort_values("run_id", ignore_index=True)
        theirs = mlflow.search_runs(experiment_names=[name], max_results=1_000_000)
        theirs = theirs.sort_values("run_id", ignore_index=True)[list(ours.columns)]
        for column in ours.columns:
            if column.startswith(("params.", "tags.")):
                texts = theirs[column].astype(object)
                theirs[column] = texts.where(texts.notna(), None)
        pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)
    return {}


def measure(work: Callable[[str, str], dict[str, float]], uri: str) -> dict[str, float]:
    """Runs one piece of work in a new process; returns its seconds and its peak of memory."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_child, args=(theirs, work, uri))
    child.start()
    theirs.close()
    found: dict[str, float] = ours.recv()
    child.join()
    assert child.exitcode == 0, f"{work.__name__} failed"
    return found


def _child(pipe: Any, work: Callable[[str, str], dict[str, float]], uri: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        begin, cpu = time.perf_counter(), time.process_time()
        found = work(uri, folder)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send({"seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak, **found})


def main() -> None:
    """Makes the store, measures in turns, prints one line a piece of work."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true", help="leave mlflow.search_runs out")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mlflow.db")
        # in a process of its own: memory is measured below
        maker = multiprocessing.get_context("spawn").Process(
            target=make_store, args=(path, parsed.runs)
        )
        maker.start()
        maker.join()
        uri = f"sqlite:///{path}"
        print(f"{parsed.runs:,} runs, {path.stat().st_size / 1e6:.0f} MB", flush=True)
        works = [tables, with_plots, *([] if parsed.no_peer else [search_runs])]
        rounds = [{w.__name__: measure(w, uri) for w in works} for _ in range(parsed.rounds)]
        for work in works:
            found = [each[work.__name__] for each in rounds]
            middle = {key: statistics.median(each[key] for each in found) for key in found[0]}
            line = {key: round(value, 2) for key, value in middle.items()}
            print(f"{work.__name__:12} {json.dumps(line)}", flush=True)
        if not parsed.no_peer:
            ratio = statistics.median(
                each["search_runs"]["cpu_seconds"] / each["tables"]["cpu_seconds"]
                for each in rounds
            )
            print(f"search_runs takes {ratio:.1f}× the processor time of all tables")
            measure(equal_frames, uri)
            print("both read equal frames")


if __name__ == "__main__":
    main()
