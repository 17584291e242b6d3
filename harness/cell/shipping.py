"""A cell's last stage: its model as files, each scored for itself, and what that tells.

A format that fails takes nothing with it: the cell keeps its scores and its other files, and
its run says which format failed and why.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import metrics
from harness.cell import measures
from harness.errors import ExportError
from harness.export.base import remove

if TYPE_CHECKING:
    from harness.config import Config
    from harness.export import Artifact, Failure

#: Tags of a run: why a format failed, and which file weighs least.
FAILED, BEST = "harness.export.failed.", "harness.export.best"
#: The metric of the bytes that no coding of a model's masks and 8-bit values can do without.
BOUND = metrics.size("packed", "bound_bytes")


@dataclass(frozen=True)
class Shipped:
    """What the files of a model tell.

    Attributes:
        metrics: bytes, differences and scores of those that give what the model gives, and the
            bytes that no coding of the model's masks and 8-bit values can do without.
        tags: why others failed, and which file weighs least.
        failures: the formats that failed.
        artifacts: the files.
    """

    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    failures: "list[Failure]"
    artifacts: "list[Artifact]"


def ship(
    task: Any,
    model: Any,
    examples: Any,
    config: "Config",
    scores: Any,
    folder: Path,
    on_stage: Callable[[str], None],
) -> Shipped:
    """Writes, checks, weighs and scores the files of a trained model.

    Args:
        task: `harness.tasks.of(config)`.
        model: trained.
        examples: its data.
        config: the cell.
        scores: of the model itself.
        folder: takes the files.
        on_stage: hears what is being done.

    Raises:
        ExportError: `model.keras` itself cannot be written and read back.
    """
    from harness.export import SAME, Failure, export, packed
    from harness.export.size import measure
    from harness.models.layers.plain import plain

    exported = export(
        model,
        config.export,
        folder,
        task.samples(examples, config),
        lambda kind: on_stage(f"exporting {kind}"),
    )
    artifacts, failures = [], list(exported.failures)
    told: dict[str, float] = {}
    for artifact in exported.artifacts:
        on_stage(f"scoring {artifact.kind}")
        try:
            told |= task.rescore(artifact, examples, config, scores)
        except ExportError as error:  # it ran on a few examples, but not on all
            remove(artifact.path)
            failures.append(Failure(artifact.kind, str(error), error.correlation))
        else:
            artifacts.append(artifact)
    whole = artifacts[0]
    if whole.size.gzip_bytes is None and all(one.kind != SAME for one in artifacts):
        artifacts[0] = replace(whole, size=measure(whole.path, config.export.compress))
    best = min(artifacts, key=lambda artifact: artifact.size.least).kind
    told |= measures.of_size(artifacts)
    if BOUND not in told:  # the packed format has it of its own file
        told[BOUND] = packed.bound(plain(model))
    told["size/best_quality"] = own_quality(best, task, config, told, scores)
    tags = {f"{FAILED}{failure.kind}": failure.reason for failure in failures}
    return Shipped(told, {**tags, BEST: best}, failures, artifacts)


def own_quality(
    kind: str, task: Any, config: "Config", told: Mapping[str, float], scores: Any
) -> float:
    """What a file is worth by itself: the model's own quality where it was not scored.

    Args:
        kind: the file's format.
        task: as for `ship`.
        config: as for `ship`.
        told: the files' metrics.
        scores: of the model itself.
    """
    name = task.quality.partition("/")[2]
    prefix = {each.kind: each.scored for each in config.export.chosen()}.get(kind)
    return float(told.get(f"{prefix}/{name}", scores.metrics("test")[task.quality]))
