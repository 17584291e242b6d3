"""What one example takes in a stock runtime, and how that compares with the dense network.

Milliseconds of different moments are not comparable; factors are of files that took turns in one
run (`harness.export.timing.latency`), round by round.
"""

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

#: The dense baseline's files, beside those of the cell; a dense cell is its own baseline.
DENSE, DENSE_INT8 = "dense", "dense_int8"
#: The cell's own float32 file.
OWN = "tflite"
_OWN = {DENSE: OWN, DENSE_INT8: "tflite_int8"}
#: A file this much faster than the dense one gains something.
GAIN = 1.05
#: What is said of a sparse file that does not: of one that is run dense, and of one that is not.
NO_GAIN = "no gain: stock kernels do not skip these zeros"
NO_GAIN_SPARSE = "no gain: kernels that skip these zeros are no faster here"
#: What is said of a sparse file that is run dense, whatever its factor: it is not by what the file
#: leaves out. Of the file, for kernels may skip zeros that they find by themselves.
DENSE_WEIGHTS = "its operations take dense weights as run here"
BUSY = "BUSY MACHINE"
#: Values of which the least and the greatest enclose the median in 95 % of cases: 1 - 2 / 2^6.
_FEWEST = 6


@dataclass(frozen=True)
class Timing:
    """One file with so many threads.

    Attributes:
        kind: the format, or `DENSE`, `DENSE_INT8`.
        threads: of the interpreter.
        median_ms: of an example, batch 1; of a translation model a sentence of 25 words to 25.
        low_ms: a quarter of the runs took no longer.
        high_ms: a quarter took longer.
        runs: how many there were.
        rounds: the median of each turn, milliseconds.
        ops: operations in the file, by name.
        sparse: those of them whose weights the file stores without zeros.
        parts: of a translation model, the median milliseconds of each graph: a sentence encoded
            (`encode`), one step of its decoder (`step`).
    """

    kind: str
    threads: int
    median_ms: float
    low_ms: float
    high_ms: float
    runs: int
    rounds: Sequence[float]
    ops: Mapping[str, int]
    sparse: Mapping[str, int]
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """What its metrics' names begin with."""
        return f"latency/{self.kind}_{'' if self.threads == 1 else 'all_threads_'}"


@dataclass(frozen=True)
class Speedup:
    """How many times faster a file is than the dense network's, round by round.

    Attributes:
        median: of the rounds.
        low: a quarter of them gave no more.
        high: a quarter gave more.
        uncertainty: half the 95 % interval of the median, as a share of it; infinite where
            there are too few rounds for one.
    """

    median: float
    low: float
    high: float
    uncertainty: float


def speedup(base: Sequence[float], own: Sequence[float]) -> Speedup:
    """Compares the rounds of two files that took turns, milliseconds."""
    factors = np.divide(base, own)
    low, median, high = map(float, np.percentile(factors, [25, 50, 75]))
    ends = median_interval(factors)
    return Speedup(median, low, high, (ends[1] - ends[0]) / 2 / median if ends else math.inf)


def median_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float] | None:
    """The 95 % interval of a median, whatever the values are distributed like.

    Its ends are values: as many lie beyond either as the binomial distribution says, by its normal
    approximation (Conover, Practical Nonparametric Statistics, 3rd edition, 3.2).

    Returns:
        None below six values, of which all do not enclose it in 95 % of cases.

    Example:
        >>> median_interval([5, 1, 4, 2, 3, 6])
        (1.0, 6.0)
    """
    count = len(values)
    if count < _FEWEST:
        return None
    beyond = math.floor((count - 1.96 * math.sqrt(count)) / 2)
    ordered = np.sort(values)
    return float(ordered[beyond]), float(ordered[count - 1 - beyond])


@dataclass(frozen=True)
class Latency:
    """All files of one run.

    Attributes:
        timings: by number of threads, then file.
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

    @property
    def reference(self) -> str:
        """What factors are against: the dense baseline's file, or else the float32 one.

        The latter computes with dense kernels whatever its zeros, but on as many channels as
        the cell's network has left.
        """
        kinds = {one.kind for one in self.timings}
        return next((kind for kind in (DENSE, _OWN[DENSE]) if kind in kinds), "")

    @property
    def machine(self) -> str:
        """The processor's architecture and instruction sets."""
        return f"{platform.machine()}: {', '.join(self.cpu) or '-'}"

    def speedup(self, one: Timing) -> Speedup | None:
        """A file beside the reference with as many threads; None where that was not timed."""
        base = self._base(one)
        if base is None:
            return None
        return speedup(base.rounds, one.rounds)

    def _base(self, one: Timing) -> Timing | None:
        """The reference with as many threads."""
        wanted = self.reference, one.threads
        return next((base for base in self.timings if (base.kind, base.threads) == wanted), None)

    def _of_parts(self, one: Timing) -> dict[str, float]:
        """How many times as fast as the reference's each graph of a translation model is."""
        base = self._base(one)
        found = {} if base is None else base.parts
        return {part: found[part] / ms for part, ms in one.parts.items() if part in found}

    def metrics(self) -> dict[str, float]:
        """Milliseconds with quartiles, and factors: `latency/tflite_ms`, `…_speedup` and so on.

        Of a translation model's graphs likewise: `latency/tflite_step_ms`, `…_step_speedup`.
        `all_threads_` stands in the names of those by all threads. The dense network's are
        `latency/dense_…`, whosever file that is.
        """
        found: dict[str, float] = {}
        for one in self.timings:
            speedup = self.speedup(one)
            for prefix in {one.prefix, self._dense_prefix(one)}:
                found |= {
                    f"{prefix}ms": round(one.median_ms, 4),
                    f"{prefix}low_ms": round(one.low_ms, 4),
                    f"{prefix}high_ms": round(one.high_ms, 4),
                }
                found |= {f"{prefix}{part}_ms": round(ms, 4) for part, ms in one.parts.items()}
                if speedup is not None:
                    found[f"{prefix}speedup"] = round(speedup.median, 4)
                for part, factor in self._of_parts(one).items():
                    found[f"{prefix}{part}_speedup"] = round(factor, 4)
        return found

    def _dense_prefix(self, one: Timing) -> str:
        """The prefix of a file that is its own dense network's, if it is, or its own."""
        if self.reference == _OWN[DENSE]:
            for dense, own in _OWN.items():
                if one.kind == own:
                    return one.prefix.replace(f"/{own}_", f"/{dense}_")
        return one.prefix

    def fastest(self) -> str | None:
        """The cell's own file that is fastest by one thread, beside the dense network's."""
        found = [
            (speedup.median, one.kind)
            for one in self.timings
            if one.threads == 1 and one.kind not in _OWN and (speedup := self.speedup(one))
        ]
        return max(found)[1] if found else None

    def sparse(self) -> str:
        """Which files store weights of which operations without zeros; empty for none."""
        told = {one.kind: _counted(one.sparse) for one in self.timings if one.sparse}
        return "; ".join(f"{kind}: {what}" for kind, what in told.items())

    def __str__(self) -> str:
        against = f"factors against {self.reference}"
        if not self.reference:
            against = f"no factors, for neither {DENSE} nor {OWN} was timed"
        lines = [f"{self.runtime}, batch 1; {self.machine}; {against}"]
        lines += [self._line(one) for one in self.timings]
        lines += [f"not timed: {kind}: {reason}" for kind, reason in self.failures.items()]
        if self.busy:
            lines.append(f"{BUSY}, times doubtful: {self.busy}")
        return "\n".join(lines)

    def _line(self, one: Timing) -> str:
        speedup = self.speedup(one)
        notes = [f"{part} {ms:.3f} ms" for part, ms in one.parts.items()]
        notes += [f"sparse: {_counted(one.sparse)}"] if one.sparse else []
        if one.kind.endswith("_sparse"):
            notes += [] if one.sparse else [DENSE_WEIGHTS]
            if speedup is not None and speedup.median < GAIN:
                notes.append(NO_GAIN_SPARSE if one.sparse else NO_GAIN)
        threads = f"{one.threads} thread{'s' if one.threads > 1 else ''}"
        times = f"{one.median_ms:.3f} ms ({one.low_ms:.3f}-{one.high_ms:.3f})"
        against = ""
        if speedup is not None:
            against = f"{speedup.median:.2f}× ({speedup.low:.2f}-{speedup.high:.2f})"
        return f"{one.kind:22} {threads:10} {times:28} {against:18} {'; '.join(notes)}".rstrip()


def _counted(ops: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in ops.items())
