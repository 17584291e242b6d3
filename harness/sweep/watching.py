"""`harness report NAME --watch`: how far a sweep is, as a page that follows it."""

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from rich.console import Console

from harness.config import credentials
from harness.report import TableSpec
from harness.report.files import write_files
from harness.report.render.html import UI, to_status
from harness.report.status import RUNNING, WAITING, CellStatus, is_running, read_status
from harness.sweep.variant import folder_name
from harness.tracking.runs import Uri, read_runs

#: Seconds between two looks.
SECONDS = 10
_console = Console(highlight=False)


def watch(
    spec: TableSpec, uri: Uri, out: Path, ui: str | None = None, seconds: int = SECONDS
) -> list[CellStatus]:
    """Writes `status.html` again and again, until no cell is running or waiting.

    Cells that wait for a sweep which has ended badly are waited for no longer.

    Args:
        spec: the sweep's table.
        uri: the store.
        out: the folder of the page.
        ui: where run ids link to; None for that of `harness ui`.
        seconds: between two looks.

    Raises:
        TrackingError: the store cannot be read.
        ReportError: the folder cannot be written to.
    """
    said = ""
    while True:
        runs = read_runs(uri, spec.reads)
        cells = read_status(spec, uri, runs)
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        page = to_status(spec, cells, now, seconds, credentials.hidden(ui or UI))
        (path,) = write_files(out, {"status.html": page.encode()})
        counts = Counter(cell.state for cell in cells)
        line = ", ".join(f"{count} {state}" for state, count in counts.items())
        if line != said:
            _console.print(f"{now[11:19]} {line}: {path}", markup=False, soft_wrap=True)
            said = line
        if not counts[RUNNING] and (not counts[WAITING] or _has_ended(spec, runs)):
            return cells
        time.sleep(seconds)


def _has_ended(spec: TableSpec, runs: pd.DataFrame) -> bool:
    """Whether the sweep's own run is there, and open no more; its variants have others."""
    rows = [{str(key): value for key, value in row.items()} for row in runs.to_dict("records")]
    own = [
        run
        for run in rows
        if run.get("tags.harness.kind") == "sweep"
        and folder_name(run["tags.harness.sweep"], run.get("tags.harness.variant") or "")
        == spec.name
    ]
    return bool(own) and not any(map(is_running, own))
