"""What MLflow's stores take and give: metrics a second of several writers; a table's runs read.

    python -m benchmarks.stores [--postgres URI] [--writers 8] [--seconds 15] [--quick]

Writers are processes, each with a run of its own, which send batches of 100 metrics as cells do. A
table's runs, a third of those in the store, are read as `harness report` reads them. Stores: an
SQLite file, a `mlflow server` over another with one worker and without its job runner, one with
MLflow's own defaults, and, where its URI is given, an empty PostgreSQL (extra `[postgres]`).
"""

import argparse
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_BATCH = 100
#: What a run has of each: as many as a cell of `mnist_cnn`.
_PARAMS, _TAGS, _METRICS = 46, 40, 30
#: As `harness ui` serves.
_ONE_WORKER = ("--workers", "1"), {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
_START_SECONDS = 120


def write(uri: str, experiment: str, seconds: float) -> int:
    """Logs batches for so long; returns how many metrics were taken."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(tracking_uri=uri)
    run = client.create_run(experiment).info.run_id
    taken, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        now = int(time.time() * 1000)
        batch = [Metric(f"m{i % 6}", float(i), now, taken + i) for i in range(_BATCH)]
        client.log_batch(run, metrics=batch)
        taken += _BATCH
    return taken


def fill(uri: str, experiments: list[str], runs: int) -> None:
    """Finished runs, of the experiments in turns."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(tracking_uri=uri)
    for number in range(runs):
        run = client.create_run(experiments[number % len(experiments)]).info.run_id
        client.log_batch(
            run,
            metrics=[Metric(f"m{i}", float(i), 0, 0) for i in range(_METRICS)],
            params=[Param(f"p{i}", str(i)) for i in range(_PARAMS)],
            tags=[RunTag(f"t{i}", str(i)) for i in range(_TAGS)],
        )
        client.set_terminated(run)


def measure(name: str, uri: str, writers: int, seconds: float, runs: int) -> None:
    """Prints what a store takes and gives."""
    from mlflow import MlflowClient

    from harness.tracking.runs import read_runs

    client = MlflowClient(tracking_uri=uri)
    written = client.create_experiment("written")
    context = multiprocessing.get_context("spawn")
    with context.Pool(writers) as pool:
        pool.starmap(write, [(uri, written, 0.5)] * writers)  # imports, and opens the store
        taken = sum(pool.starmap(write, [(uri, written, seconds)] * writers, chunksize=1))
    tables = [client.create_experiment(f"table {i}") for i in range(3)]
    fill(uri, tables, runs)
    began = time.perf_counter()
    read = len(read_runs(uri, "table 0"))
    took = time.perf_counter() - began
    print(
        f"{name:32} {taken / seconds:7,.0f} metrics a second of {writers} writers;"
        f" {read} runs of {runs} read in {took:.1f} s",
        flush=True,
    )


@contextmanager
def server(folder: Path, words: tuple[str, ...], surroundings: dict[str, str]) -> Iterator[str]:
    """An MLflow server over an SQLite file of a folder; yields its URI."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", *words]
    command += ["--port", str(port), "--backend-store-uri", f"sqlite:///{folder}/served.db"]
    command += ["--artifacts-destination", (folder / "artifacts").as_uri()]
    with (folder / "server.txt").open("w") as log:
        process = subprocess.Popen(
            command, env=os.environ | surroundings, stdout=log, stderr=log, start_new_session=True
        )
    try:
        end = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < end:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health"):
                break
            time.sleep(0.2)
        else:
            raise SystemExit(f"no server: {(folder / 'server.txt').read_text()[-500:]}")
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # asked to end, it waits for connections
        process.wait()


def main() -> None:
    """Prints a line for each store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--postgres", help="an empty database: postgresql+psycopg2://…")
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--runs", type=int, default=600)
    parser.add_argument("--quick", action="store_true", help="two seconds, 30 runs")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.runs = 2.0, 30
    told = (options.writers, options.seconds, options.runs)
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{folder}/own.db", *told)
        for name, (words, surroundings) in {
            "server, one worker": _ONE_WORKER,
            "server, MLflow's defaults": ((), {}),
        }.items():
            place = Path(folder, name.replace(" ", "_"))
            place.mkdir()
            with server(place, words, surroundings) as uri:
                measure(name, uri, *told)
    if options.postgres:
        measure("PostgreSQL", options.postgres, *told)


if __name__ == "__main__":
    os.environ["MLFLOW_LOGGING_LEVEL"] = "WARNING"
    main()
