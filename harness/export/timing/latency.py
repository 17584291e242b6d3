"""What one example takes in a stock runtime: files side by side, interleaved in one run.

Every file runs in a process of its own, so that one whose interpreter dies takes nothing with it;
the processes take turns, so that what else the machine does meets all alike.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import ExportError

#: Turns of each file, and the milliseconds that a turn should last.
ROUNDS, TURN_MS = 15, 40.0
#: Runs before any are timed.
_WARM_UP = 3
#: A machine is called busy from this share of its cores on before anything is started, or where
#: the middle half of a file's times spreads over more than this share of their median.
_LOAD, _SPREAD = 0.5, 0.2
#: A file this much faster than the dense one gains something.
_GAIN = 1.05
_DENSE = "tflite"
NO_GAIN = "no gain: stock kernels do not skip these zeros"
_FEATURES = (
    *("avx", "avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8"),
    *("asimd", "asimddp", "i8mm", "sve"),
)


@dataclass(frozen=True)
class Timing:
    """One file with so many threads.

    Attributes:
        kind: the format.
        threads: of the interpreter.
        median_ms: of an example, batch 1.
        low_ms: a quarter of the runs took no longer.
        high_ms: a quarter took longer.
        runs: how many there were.
        ops: operations in the file, by name.
        sparse: those of them that take weights without their zeros.
    """

    kind: str
    threads: int
    median_ms: float
    low_ms: float
    high_ms: float
    runs: int
    ops: Mapping[str, int]
    sparse: Mapping[str, int]

    @property
    def spread(self) -> float:
        """The middle half of the times, of their median."""
        return (self.high_ms - self.low_ms) / self.median_ms


@dataclass(frozen=True)
class Latency:
    """All files of one run.

    Attributes:
        timings: by file, then threads.
        failures: format -> why it was not timed.
        runtime: its name and version.
        cpu: the processor's instruction sets that matter here.
        busy: why the times are to be doubted; empty if there is no reason.
    """

    timings: list[Timing]
    failures: Mapping[str, str]
    runtime: str
    cpu: Sequence[str]
    busy: str = ""

    def metrics(self) -> dict[str, float]:
        """Milliseconds by name: `latency/tflite_ms` of one thread, `…_all_threads_ms` of all."""
        return {
            f"latency/{one.kind}_{'' if one.threads == 1 else 'all_threads_'}ms": round(
                one.median_ms, 4
            )
            for one in self.timings
        }

    def __str__(self) -> str:
        base = {one.threads: one.median_ms for one in self.timings if one.kind == _DENSE}
        lines = [f"{self.runtime}, batch 1; {platform.machine()}: {', '.join(self.cpu) or '-'}"]
        for one in self.timings:
            gain = base[one.threads] / one.median_ms if one.threads in base else None
            sparse = ", ".join(f"{count} {name}" for name, count in one.sparse.items())
            note = f"sparse: {sparse}" if sparse else ""
            if one.kind.endswith("_sparse") and gain is not None and gain < _GAIN:
                note = f"{note}; {NO_GAIN}".lstrip("; ")
            threads = f"{one.threads} thread{'s' if one.threads > 1 else ''}"
            times = f"{one.median_ms:.3f} ms ({one.low_ms:.3f}-{one.high_ms:.3f})"
            against = "" if gain is None else f"{gain:.2f}×"
            lines.append(f"{one.kind:22} {threads:10} {times:28} {against:>7}  {note}".rstrip())
        lines += [f"not timed: {kind}: {reason}" for kind, reason in self.failures.items()]
        if self.busy:
            lines.append(f"BUSY MACHINE, times doubtful: {self.busy}")
        return "\n".join(lines)


def measure(files: Mapping[str, Path], threads: Sequence[int] | None = None) -> Latency:
    """Times TensorFlow Lite files.

    Args:
        files: format -> file.
        threads: how many, each in turn; by default one and as many as there are cores.
    """
    cores = os.cpu_count() or 1
    threads = sorted({1, cores}) if threads is None else threads
    load = os.getloadavg()[0] / cores
    failures: dict[str, str] = {}
    timings: list[Timing] = []
    runtime = ""
    for count in threads:  # processes with all threads would disturb those with one
        opened: dict[str, _Child] = {}
        try:
            for kind, path in files.items():
                if kind not in failures:
                    _attempt(failures, kind, partial(_open, opened, kind, path, count))
            for _ in range(ROUNDS):
                for kind, child in opened.items():
                    if kind not in failures:
                        _attempt(failures, kind, child.turn)
            for kind, child in opened.items():
                runtime = child.told["runtime"]
                if kind not in failures:
                    timings.append(_timing(kind, count, child))
        finally:
            for child in opened.values():
                child.end()
    timings = [one for one in timings if one.kind not in failures]
    return Latency(timings, failures, runtime, _features(), _doubts(load, timings))


def _open(opened: "dict[str, _Child]", kind: str, path: Path, threads: int) -> None:
    opened[kind] = _Child(path, threads)


def _attempt(failures: dict[str, str], kind: str, step: Any) -> None:
    try:
        step()
    except ExportError as error:
        failures[kind] = str(error)


class _Child:
    """A process with one file, warm."""

    def __init__(self, path: Path, threads: int):
        self.times: list[float] = []
        self._name = path.name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.export.timing.child", str(path), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.told = self._answer()
        self._count = 1
        warm = float(np.min(self._run(_WARM_UP)))
        self._count = int(np.clip(TURN_MS / max(warm, 1e-3), 1, 200))

    def turn(self) -> None:
        """Runs the file for a while."""
        self.times += self._run(self._count)

    def end(self) -> None:
        """Lets the process go."""
        self._process.kill()
        self._process.communicate()

    def _run(self, count: int) -> list[float]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{count}\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it died: its answer says how
        return list(self._answer())

    def _answer(self) -> Any:
        """A line of JSON; remarks of the runtime before it are passed over."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(("{", "[")):
                return json.loads(line)
        _, remarks = self._process.communicate()
        lines = [line for line in remarks.splitlines() if line.strip()]
        code = self._process.returncode
        how = f"died of signal {-code}" if code < 0 else f"ended with {code}"
        raise ExportError(
            f"{self._name}: its interpreter {how}" + (f": {lines[-1].strip()}" if lines else "")
        )


def _timing(kind: str, threads: int, child: _Child) -> Timing:
    low, median, high = np.percentile(child.times, [25, 50, 75])
    told = child.told
    return Timing(
        kind, threads, float(median), float(low), float(high), len(child.times),
        told["ops"], told["sparse"],
    )  # fmt: skip


def _doubts(load: float, timings: Sequence[Timing]) -> str:
    doubts = [f"load {load:.2f} a core before it began"] if load > _LOAD else []
    wide = [one for one in timings if one.spread > _SPREAD]
    if wide:
        worst = max(wide, key=lambda one: one.spread)
        doubts.append(
            f"{len(wide)} of {len(timings)} spread over {_SPREAD:.0%} or more of their median"
            f" ({worst.kind} {worst.spread:.0%})"
        )
    return "; ".join(doubts)


def _features() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return [name for name in _FEATURES if name in flags.split()]
