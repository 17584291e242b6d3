"""What a cell's TensorFlow Lite files take to run, beside its dense baseline's in the same run."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cell.shipping import Shipped, own_quality
from harness.export.base import FORMATS
from harness.export.timing.latency import measure
from harness.export.timing.times import DENSE, DENSE_INT8, Latency
from harness.tracking import dense

if TYPE_CHECKING:
    from harness.config import Config

#: All that was measured, beside a run's other files.
FILE = "latency.json"
TAGS = "harness.latency."
FAILED = f"{TAGS}failed."
_LACKING = "needs a TensorFlow Lite file, such as the format tflite, and none was written"
#: What the dense baseline's files are called beside those of the cell, and their formats.
BASELINE = {DENSE: "tflite", DENSE_INT8: "tflite_int8"}


@dataclass(frozen=True)
class Timed:
    """What the files' times tell.

    Attributes:
        metrics: milliseconds and factors.
        tags: runtime, processor, what ran sparse, what is to be doubted, what was not timed.
        latency: all that was measured; None where there was nothing to time.
        lacking: why there was nothing to time, where times were asked for.
    """

    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    latency: Latency | None = None
    lacking: str = ""

    @property
    def failures(self) -> Mapping[str, str]:
        """Format -> why it was not timed; the setting -> why nothing was."""
        if self.latency is None:
            return {"export.latency": self.lacking} if self.lacking else {}
        return self.latency.failures

    @property
    def text(self) -> str:
        """All of it, as JSON."""
        return json.dumps(asdict(self.latency) if self.latency is not None else {}, indent=1)


NOTHING = Timed({}, {})


@contextmanager
def baseline(uri: str, run_id: str | None) -> Iterator[dict[str, Path]]:
    """Copies of the dense baseline's files that a cell's are compared with, within the block.

    Args:
        uri: the store.
        run_id: the dense baseline's; None where it is not known.
    """
    names = {key: FORMATS.find(kind).file for key, kind in BASELINE.items()}
    with dense.files(uri, run_id, names) as found:
        yield found


def time_files(
    shipped: Shipped,
    task: Any,
    config: "Config",
    scores: Any,
    against: Mapping[str, Path],
    threads: Sequence[int] | None = None,
) -> Timed:
    """Times a cell's TensorFlow Lite files; one that cannot be timed takes nothing with it.

    Args:
        shipped: the files.
        task: `harness.tasks.of(config)`.
        config: the cell.
        scores: of the model itself.
        against: what `baseline` gave; empty for a cell that is its own.
        threads: as for `harness.export.timing.latency`.
    """
    own = {each.kind: each.path for each in shipped.artifacts if each.path.suffix == ".tflite"}
    if not own:
        return Timed({}, {}, lacking=_LACKING)
    found = measure({**against, **own}, threads)
    metrics = found.metrics()
    tags = {"runtime": found.runtime, "cpu": found.machine, "reference": found.reference}
    tags |= {"sparse": found.sparse(), "busy": found.busy}
    if fastest := found.fastest():
        tags["best"] = fastest
        metrics["latency/best_speedup"] = metrics[f"latency/{fastest}_speedup"]
        told = own_quality(fastest, task, config, shipped.metrics, scores)
        metrics["latency/best_quality"] = told
    named = {f"{TAGS}{name}": value for name, value in tags.items() if value}
    named |= {f"{FAILED}{kind}": reason for kind, reason in found.failures.items()}
    return Timed(metrics, named, found)
