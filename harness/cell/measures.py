"""The final metrics of a cell, by the names under which its run logs them.

Slashes group them in MLflow's UI; every sparsity stands beside its denominators.
"""

import dataclasses
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from harness import metrics

if TYPE_CHECKING:
    from harness.export import Artifact
    from harness.models.layers.multiply_adds import MultiplyAdds
    from harness.pruning import PermutationReport, Summary
    from harness.training.loop import FitResult

#: The metrics that training alone can tell, not the trained model: theirs begin so.
OF_TRAINING = ("time/", "permutation/")
_LEAST = "size/best_bytes"
_Scores = TypeVar("_Scores")
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
    """Bytes of each exported file, raw and compressed, and how far its outputs are off.

    Beside them the fewest bytes that any of the files comes to.
    """
    found: dict[str, float] = {}
    for artifact in artifacts:
        for field in dataclasses.fields(artifact.size):
            length = getattr(artifact.size, field.name)
            if length is not None:
                found[metrics.size(artifact.kind, field.name)] = length
        for name, value in artifact.details.items():
            found[metrics.size(artifact.kind, name)] = value
        compared = artifact.compared
        found[metrics.size(artifact.kind, "max_error")] = compared.error
        found[metrics.size(artifact.kind, "correlation")] = round(compared.correlation, _DIGITS)
        if compared.agreement is not None:
            agreement = round(compared.agreement, _DIGITS)
            found[metrics.size(artifact.kind, "agreement")] = agreement
        least = found.get(_LEAST, artifact.size.least)
        found[_LEAST] = min(least, artifact.size.least)
    return {name: float(value) for name, value in found.items()}


def of_time(fitted: "FitResult") -> dict[str, float]:
    """Seconds in training steps and in validation, and the median milliseconds of a step."""
    return metrics.measured(metrics.FITTED, fitted)


def of_test(evaluate: Callable[[], _Scores]) -> tuple[_Scores, dict[str, float]]:
    """Evaluates on the test split: what that gives, and the seconds it takes."""
    begin = time.perf_counter()
    scores = evaluate()
    return scores, {"time/test_seconds": round(time.perf_counter() - begin, 3)}
