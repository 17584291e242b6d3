"""`harness report NAME --watch`: how far a sweep is, as a page that follows it."""

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from harness.config import credentials
from harness.report import TableSpec
from harness.report.files import write_files
from harness.report.render.html import UI, to_status
from harness.report.status import DONE, RUNNING, WAITING, CellStatus, read_status
from harness.tracking.runs import Uri

#: Seconds between two looks.
SECONDS = 10
_console = Console(highlight=False)


def watch(
    spec: TableSpec, uri: Uri, out: Path, ui: str | None = None, seconds: int = SECONDS
) -> list[CellStatus]:
    """Writes `status.html` again and again, until no cell is running or waiting.

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
        cells = read_status(spec, uri)
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        page = to_status(spec, cells, now, seconds, credentials.hidden(ui or UI))
        (path,) = write_files(out, {"status.html": page.encode()})
        counts = Counter(cell.state for cell in cells)
        line = ", ".join(f"{count} {state}" for state, count in counts.items())
        if line != said:
            _console.print(f"{now[11:19]} {line}: {path}", markup=False, soft_wrap=True)
            said = line
        if all(cell.state not in (RUNNING, WAITING) for cell in cells) or counts[DONE] == len(
            cells
        ):
            return cells
        time.sleep(seconds)
