"""Times TensorFlow Lite files side by side, interleaved in one run.

Every file runs in a process of its own, so that one whose interpreter dies takes nothing with it;
the processes take turns, so that what else the machine does meets all alike.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import ExportError
from harness.export.ended import PATIENCE, ended, patiently, remarks_in, said
from harness.export.timing import machine
from harness.export.timing.times import DENSE, OWN, Latency, Timing
from harness.system.cores import usable

#: Turns of each file, and the milliseconds that a turn should last.
ROUNDS, TURN_MS = 15, 40.0
#: Runs before any are timed.
_WARM_UP = 3
#: A machine is called busy where others take this share of its cores' time, or where the middle
#: half of a file's times spreads over more than this share of their median.
_OTHERS, _SPREAD = 0.1, 0.2
#: A file of the dense one's shape and kernels should take as long as that one, timed beside it: if
#: it is off by more than this share, so are the others.
_OFF = 0.05
#: Float32 files of one shape weigh alike to this share.
_ALIKE = 0.01


def measure(files: Mapping[str, Path], threads: Sequence[int] | None = None) -> Latency:
    """Times TensorFlow Lite files.

    Args:
        files: format (or `DENSE`, …) -> file.
        threads: how many, each in turn; by default one and as many as there are cores
            that this process may use.
    """
    threads = sorted({1, len(usable())}) if threads is None else threads
    failures: dict[str, str] = {}
    timings: list[Timing] = []
    runtime, watch = "", machine.Watch()
    for count in threads:  # processes with all threads would disturb those with one
        opened: dict[str, _Child] = {}
        try:
            for kind, path in files.items():
                if kind not in failures:
                    _attempt(failures, kind, partial(_open, opened, kind, path, count))
            _take_turns(opened, failures)
            for kind, child in opened.items():
                runtime = child.told["runtime"]
                if kind not in failures:
                    timings.append(_timing(kind, count, child))
        finally:
            for child in opened.values():
                child.end()
    timings = [one for one in timings if one.kind not in failures]
    doubts = _doubts(watch.others(), timings, _is_dense_alike(files))
    return Latency(timings, failures, runtime, machine.features(), doubts)


def _take_turns(opened: "Mapping[str, _Child]", failures: dict[str, str]) -> None:
    kinds = list(opened)
    for number in range(ROUNDS):
        # rotated, or what comes again and again would always meet the same file
        start = number % len(kinds) if kinds else 0
        for kind in kinds[start:] + kinds[:start]:
            if kind not in failures:
                _attempt(failures, kind, opened[kind].turn)


def _open(opened: "dict[str, _Child]", kind: str, path: Path, threads: int) -> None:
    opened[kind] = _Child(path, threads)


def _attempt(failures: dict[str, str], kind: str, step: Callable[[], None]) -> None:
    try:
        step()
    except ExportError as error:
        failures[kind] = str(error)


class _Child:
    """A process with one file, warm."""

    def __init__(self, path: Path, threads: int):
        self.turns: list[np.ndarray] = []
        self._name = path.name
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed by `end`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.export.timing.child", str(path), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        try:
            self.told = self._answer()
            self._count = 1
            warm = float(np.min(self._run(_WARM_UP).sum(axis=1)))
        except BaseException:
            self.end()
            raise
        self._count = int(np.clip(TURN_MS / max(warm, 1e-3), 1, 200))

    def turn(self) -> None:
        """Runs the file for a while."""
        self.turns.append(self._run(self._count))

    def end(self) -> None:
        """Lets the process go."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _run(self, count: int) -> np.ndarray:
        """Milliseconds, [runs, parts of a run]."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{count}\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it died: its answer says how
        return np.asarray(self._answer())

    def _answer(self) -> Any:
        """A line of JSON; remarks of the runtime before it are passed over."""
        lines = self._process.stdout or ()
        found, how = patiently(
            self._process,
            PATIENCE,
            lambda: next((line for line in lines if line.startswith(("{", "["))), None),
        )
        if found is not None:
            return json.loads(found)
        self._process.communicate()
        remarks = remarks_in(self._log)
        how = said(how, remarks) if how else ended(self._process.returncode, remarks)
        raise ExportError(f"{self._name}: its interpreter {how}")


def _timing(kind: str, threads: int, child: _Child) -> Timing:
    runs, told = np.concatenate(child.turns), child.told
    times, counts = runs.sum(axis=1), told.get("parts", {})
    low, median, high = map(float, np.percentile(times, [25, 50, 75]))
    rounds = [round(float(np.median(turn.sum(axis=1))), 5) for turn in child.turns]
    parts = dict(zip(counts, np.median(runs, axis=0) / [*counts.values()], strict=True))
    return Timing(
        kind, threads, median, low, high, len(times), rounds, told["ops"], told["sparse"],
        {name: round(float(each), 5) for name, each in parts.items()},
    )  # fmt: skip


def _is_dense_alike(files: Mapping[str, Path]) -> bool:
    """Whether the cell's own float32 file has the shape of the dense one."""
    if not {OWN, DENSE} <= files.keys():
        return False
    return abs(files[OWN].stat().st_size / files[DENSE].stat().st_size - 1) < _ALIKE


def _unequal(timings: Sequence[Timing]) -> Iterator[str]:
    """Where the cell's own float32 file did not take as long as the dense one, though it should."""
    times = {(one.kind, one.threads): one.median_ms for one in timings}
    for (kind, threads), own in times.items():
        dense = times.get((DENSE, threads))
        if kind == OWN and dense and abs(dense / own - 1) > _OFF:
            yield (
                f"{OWN}, of the dense file's shape, came out {dense / own:.2f}x as fast as it"
                f" by {threads} thread{'s' if threads > 1 else ''}"
            )


def _doubts(others: float | None, timings: Sequence[Timing], alike: bool = False) -> str:
    """What speaks against the times.

    Args:
        others: the share of the cores' time that other work took, if known.
        timings: of all files.
        alike: whether the own float32 file should take as long as the dense one.
    """
    doubts = [*_unequal(timings)] if alike else []
    if others is not None and others > _OTHERS:
        doubts.append(f"other work took {others:.0%} of the cores' time")
    wide = [one for one in timings if one.spread > _SPREAD]
    if wide:
        worst = max(wide, key=lambda one: one.spread)
        doubts.append(
            f"{len(wide)} of {len(timings)} spread over {_SPREAD:.0%} or more of their median"
            f" ({worst.kind} {worst.spread:.0%})"
        )
    return "; ".join(doubts)
