"""Times TensorFlow Lite files side by side, interleaved in one run.

Every file runs in a process of its own, so that one whose interpreter dies takes nothing with it;
the processes take turns, so that what else the machine does meets all alike.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from harness.errors import ExportError
from harness.export.ended import PATIENCE, ended, patiently, remarks_in, said
from harness.export.timing import machine
from harness.export.timing.times import DENSE, GAIN, OWN, Latency, Timing, speedup
from harness.system.cores import usable

#: Turns of each file at least, and the milliseconds that a turn should last.
ROUNDS, TURN_MS = 15, 40.0
#: More are taken until every factor is as certain as this, but at most so many, or for so many
#: seconds by each number of threads.
_CERTAIN, _MOST, _SECONDS = 0.02, 200, 60.0
#: Runs before any are timed.
_WARM_UP = 3
#: A machine is called busy where others take this share of its cores' time, or where a factor is
#: not known to this share of it after all turns: what gains so much would not be told from nothing.
_OTHERS, _UNCERTAIN = 0.1, GAIN - 1
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
            _take_turns(opened, failures, watch)
            for kind, child in opened.items():
                runtime = child.told["runtime"]
                if kind not in failures:
                    timings.append(_timing(kind, count, child))
        finally:
            for child in opened.values():
                child.end()
    timings = [one for one in timings if one.kind not in failures]
    found = Latency(timings, failures, runtime, machine.features())
    return replace(found, busy=_doubts(watch.others(), found, _is_dense_alike(files)))


def _take_turns(
    opened: "Mapping[str, _Child]", failures: dict[str, str], watch: machine.Watch
) -> None:
    kinds, began, number = list(opened), perf_counter(), 0
    while number < ROUNDS or (
        number < _MOST
        and perf_counter() - began < _SECONDS
        and not _are_certain({kind: opened[kind].rounds for kind in kinds if kind not in failures})
        # beside other work no number of turns is enough
        and (watch.others(child.pid for child in opened.values()) or 0.0) <= _OTHERS
    ):
        # rotated, or what comes again and again would always meet the same file
        start = number % len(kinds) if kinds else 0
        for kind in kinds[start:] + kinds[:start]:
            if kind not in failures:
                _attempt(failures, kind, opened[kind].turn)
        number += 1


def _are_certain(rounds: Mapping[str, Sequence[float]]) -> bool:
    """Whether the factors of all files are known well enough, if there are any."""
    base = rounds.get(DENSE) or rounds.get(OWN)
    return base is None or all(
        speedup(base, each).uncertainty <= _CERTAIN for each in rounds.values()
    )


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
        self.rounds: list[float] = []  # the median of each turn, milliseconds
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
        runs = self._run(self._count)
        self.turns.append(runs)
        self.rounds.append(round(float(np.median(runs.sum(axis=1))), 5))

    @property
    def pid(self) -> int:
        """The process's."""
        return self._process.pid

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
    parts = dict(zip(counts, np.median(runs, axis=0) / [*counts.values()], strict=True))
    return Timing(
        kind, threads, median, low, high, len(times), child.rounds, told["ops"], told["sparse"],
        {name: round(float(each), 5) for name, each in parts.items()},
    )  # fmt: skip


def _is_dense_alike(files: Mapping[str, Path]) -> bool:
    """Whether the cell's own float32 file has the shape of the dense one."""
    if not {OWN, DENSE} <= files.keys():
        return False
    return abs(files[OWN].stat().st_size / files[DENSE].stat().st_size - 1) < _ALIKE


def _unequal(found: Latency) -> Iterator[str]:
    """Where the cell's own float32 file did not take as long as the dense one, though it should."""
    for one in found.timings:
        if one.kind != OWN or found.reference != DENSE:
            continue
        factor = found.speedup(one)
        if factor and abs(factor.median - 1) > _OFF:
            yield (
                f"{OWN}, of the dense file's shape, came out {factor.median:.2f}x as fast as it"
                f" by {one.threads} thread{'s' if one.threads > 1 else ''}"
            )


def _doubts(others: float | None, found: Latency, alike: bool = False) -> str:
    """What speaks against the times.

    Args:
        others: the share of the cores' time that other work took, if known.
        found: all files.
        alike: whether the own float32 file should take as long as the dense one.
    """
    doubts = [*_unequal(found)] if alike else []
    if others is not None and others > _OTHERS:
        doubts.append(f"other work took {others:.0%} of the cores' time")
    factors = [(factor.uncertainty, one) for one in found.timings if (factor := found.speedup(one))]
    unknown = [(share, one) for share, one in factors if share > _UNCERTAIN]
    if unknown:
        share, worst = max(unknown, key=lambda each: each[0])
        doubts.append(
            f"{len(unknown)} of {len(factors)} factors are known to {_UNCERTAIN:.0%} or worse"
            f" ({worst.kind} ±{share:.0%})"
        )
    return "; ".join(doubts)
