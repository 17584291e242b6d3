"""What the finished cells of a store have cost: the ground on which others are estimated."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.tracking.backends import Backend, NoRunsError, opened

_TAGS = ("harness.complete", "harness.trained_run_id", "harness.resumed_on")
_UNFINISHED = ("harness.cell_id", "harness.complete")


@dataclass(frozen=True)
class Cost:
    """What one finished cell took.

    Attributes:
        params: what decided it, as its run says: dotted keys, text values.
        train_seconds: in training steps; None if it trained nothing.
        other_seconds: from start to end, without training; None of a cell that was interrupted,
            for it may have lain idle.
        disk_bytes: of the files of its model.
    """

    params: Mapping[str, str]
    train_seconds: float | None
    other_seconds: float | None
    disk_bytes: float


def read_costs(uri: str) -> list[Cost]:
    """The costs of all finished cells of a store, newest first; none where there is no store.

    Args:
        uri: the MLflow store.

    Raises:
        TrackingError: the store cannot be reached or read.
    """
    try:
        with opened(uri) as backend:
            return [
                cost
                for experiment in backend.experiments()
                for cost in _of_experiment(backend, experiment.id)
            ]
    except NoRunsError:
        return []


def _of_experiment(backend: Backend, number: str) -> list[Cost]:
    runs = backend.runs(number, finished=True)
    found: dict[str, dict[str, dict[str, str]]] = {
        run_id: {"params": {}, "tags": {}, "metrics": {}} for run_id, *_ in runs
    }
    for kind, keys in (("params", ()), ("tags", _TAGS), ("metrics", ())):
        for run_id, key, value in backend.pairs(number, kind, keys):
            if run_id in found:
                found[run_id][kind][key] = value
    return [
        _cost(found[run_id], (end - start) / 1000)
        for run_id, _, _, start, end in runs
        if end is not None and found[run_id]["tags"].get("harness.complete") == "true"
    ]


def _cost(run: Mapping[str, Mapping[str, str]], seconds: float) -> Cost:
    params, tags, metrics = run["params"], run["tags"], run["metrics"]
    trained = "time/train_seconds" in metrics and "harness.trained_run_id" not in tags
    training = float(metrics["time/train_seconds"]) if trained else None
    whole = "harness.resumed_on" not in tags
    # A file as it is has a gzipped count beside it; compressed counts and the least of all do not.
    files = [
        float(value)
        for key, value in metrics.items()
        if f"{key.removesuffix('_bytes')}_gzip_bytes" in metrics
    ]
    other = max(0.0, seconds - (training or 0.0)) if whole else None
    return Cost(params, training, other, sum(files))


def find_unfinished(uri: str, experiment: str) -> set[str]:
    """The ids of cells of an experiment that were begun and not finished.

    Raises:
        TrackingError: the store cannot be reached or read.
    """
    try:
        with opened(uri) as backend:
            number = next((e.id for e in backend.experiments() if e.name == experiment), None)
            if number is None:
                return set()
            tags: dict[str, dict[str, str]] = {run_id: {} for run_id, *_ in backend.runs(number)}
            for run_id, key, value in backend.pairs(number, "tags", _UNFINISHED):
                tags[run_id][key] = value
    except NoRunsError:
        return set()
    return {
        each["harness.cell_id"]
        for each in tags.values()
        if "harness.cell_id" in each and each.get("harness.complete") != "true"
    }
