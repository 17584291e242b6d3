"""The final metrics of a cell, by the names under which its run logs them.

Slashes group them in MLflow's UI; every sparsity stands beside its denominators.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.export import Artifact
    from harness.pruning import PermutationReport, Summary
    from harness.training.loop import FitResult

#: The metrics that training alone can tell, not the trained model: theirs begin so.
OF_TRAINING = ("time/", "permutation/")
_DIGITS = 6  # the UI prints what it is given: 0.499999… would be read as noise


def of_sparsity(summary: "Summary") -> dict[str, float]:
    """Sparsity reached, of prunable and of all weights and layer by layer, with the counts."""
    metrics = {
        "params/total": float(summary.total_params),
        "params/trainable": float(summary.trainable_params),
        "params/prunable": float(summary.prunable_params),
        "params/nonzero": float(summary.nonzero_params),
        "sparsity/prunable": round(summary.sparsity, _DIGITS),
        "sparsity/all": round(summary.sparsity_of_all, _DIGITS),
    }
    for layer in summary.layers:
        if layer.prunable:
            # one group for all layers: a slash in a layer's name would begin another
            name = layer.path.replace("/", ".")
            metrics[f"sparsity/layer/{name}"] = round(layer.sparsity, _DIGITS)
    return metrics


def of_permutation(report: "PermutationReport | None") -> dict[str, float]:
    """Share of the magnitude that the pattern keeps, before and after channels were reordered."""
    if report is None:
        return {}
    return {
        "permutation/kept_before": round(report.kept_before, _DIGITS),
        "permutation/kept_after": round(report.kept_after, _DIGITS),
    }


def of_size(artifacts: Iterable["Artifact"]) -> dict[str, float]:
    """Bytes of each exported file, raw and gzipped, and how far its outputs are off."""
    metrics: dict[str, float] = {}
    for artifact in artifacts:
        metrics[f"size/{artifact.kind}_bytes"] = float(artifact.bytes)
        metrics[f"size/{artifact.kind}_gzip_bytes"] = float(artifact.gzip_bytes)
        metrics[f"size/{artifact.kind}_max_error"] = artifact.max_error
        if artifact.agreement is not None:
            metrics[f"size/{artifact.kind}_agreement"] = round(artifact.agreement, _DIGITS)
    return metrics


def of_time(fitted: "FitResult") -> dict[str, float]:
    """Seconds in training steps, and the median milliseconds of one."""
    metrics = {"time/train_seconds": round(fitted.seconds, 3)}
    if fitted.step_ms is not None:
        metrics["time/step_ms"] = round(fitted.step_ms, 3)
    return metrics
