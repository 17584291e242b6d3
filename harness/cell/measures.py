"""The final metrics of a cell, by the names under which its run logs them.

Slashes group them in MLflow's UI; every sparsity stands beside its denominators.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from harness import metrics

if TYPE_CHECKING:
    from harness.export import Artifact
    from harness.models.layers.multiply_adds import MultiplyAdds
    from harness.pruning import PermutationReport, Summary
    from harness.training.loop import FitResult

#: The metrics that training alone can tell, not the trained model: theirs begin so.
OF_TRAINING = ("time/", "permutation/")
_DIGITS = 6  # the UI prints what it is given: 0.499999… would be read as noise


def of_sparsity(summary: "Summary") -> dict[str, float]:
    """Sparsity reached, of prunable and of all weights and layer by layer, with the counts."""
    found = metrics.measured(metrics.PRUNED, summary)
    for layer in summary.layers:
        if layer.prunable:
            # one group for all layers: a slash in a layer's name would begin another
            name = layer.path.replace("/", ".")
            found[f"sparsity/layer/{name}"] = round(layer.sparsity, _DIGITS)
    return found


def of_multiply_adds(counted: "MultiplyAdds") -> dict[str, float]:
    """Multiply-adds of one example, of all weights and of those that are not zero.

    None where a layer is of a kind that cannot be counted: a total without it would be no total.
    """
    return metrics.measured(metrics.COUNTED, None if counted.uncounted else counted)


def of_permutation(report: "PermutationReport | None") -> dict[str, float]:
    """Share of the magnitude that the pattern keeps, before and after channels were reordered."""
    return metrics.measured(metrics.PERMUTED, report)


def of_size(artifacts: Iterable["Artifact"]) -> dict[str, float]:
    """Bytes of each exported file, raw and gzipped, and how far its outputs are off."""
    found: dict[str, float] = {}
    for artifact in artifacts:
        found[metrics.size(artifact.kind, "bytes")] = float(artifact.bytes)
        found[metrics.size(artifact.kind, "gzip_bytes")] = float(artifact.gzip_bytes)
        found[metrics.size(artifact.kind, "max_error")] = artifact.max_error
        if artifact.agreement is not None:
            agreement = round(artifact.agreement, _DIGITS)
            found[metrics.size(artifact.kind, "agreement")] = agreement
    return found


def of_time(fitted: "FitResult") -> dict[str, float]:
    """Seconds in training steps, and the median milliseconds of one."""
    return metrics.measured(metrics.FITTED, fitted)
