"""Runs a benchmark and keeps what it printed, with the machine, its load and the commit.

    python -m benchmarks.record report --runs 1000
    python -m benchmarks.record gnmt:multi30k --data ../multi30k

writes benchmarks/results/NAME.json (NAME_LABEL.json where a benchmark is recorded with several
settings), from which `python scripts/fill_pages.py` fills the pages.
"""

import json
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.report.files import write_files
from harness.tracking.provenance import cpu_model, git_state, memory_gib

RESULTS = Path(__file__).parent / "results"


def record(name: str, arguments: list[str], folder: Path = RESULTS) -> dict[str, Any]:
    """Runs `python -m benchmarks.NAME ARGUMENTS`, shows and keeps its output.

    Args:
        name: NAME, or NAME:LABEL, which is kept beside what NAME alone printed.
        arguments: of the benchmark.
        folder: where the record goes.

    Raises:
        SystemExit: it failed; nothing is kept.
    """
    load = [round(each, 1) for each in os.getloadavg()]
    begin = datetime.now(UTC)
    name, _, label = name.partition(":")
    words = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    lines = []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    if process.returncode:
        raise SystemExit(f"benchmarks.{name} failed; nothing was kept")
    commit, dirty = git_state()
    found = {
        "command": shlex.join(["python", "-m", f"benchmarks.{name}", *arguments]),
        "date": begin.strftime("%Y-%m-%d"),
        "seconds": round((datetime.now(UTC) - begin).total_seconds()),
        "commit": commit,
        "changed": dirty == "true",
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": memory_gib(),
        "load_before": load,
        "load_after": [round(each, 1) for each in os.getloadavg()],
        "output": lines,
    }
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    kept = f"{name}_{label}" if label else name
    write_files(folder, {f"{kept}.json": text.encode()})
    return found


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    record(sys.argv[1], sys.argv[2:])
