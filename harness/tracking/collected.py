"""Runs as files that can be committed: what a store says of its finished cells, made small.

A folder holds any number of Parquet files. Each has whole runs and is named by which: so files of
several machines lie beside each other without a conflict, and collecting twice adds nothing.
Parameters, tags that say where numbers come from, final metrics and thinned histories are kept,
and of the test examples what a paired test needs. Where a run was made (hosts, users, folders) is
not.
"""

import hashlib
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from harness.config.overrides import key_of
from harness.errors import TrackingError
from harness.tracking import answers
from harness.tracking.backends import Experiment, NoRunsError, Row, opened

#: What is kept of histories, and at how many steps of each at most.
HISTORIES = ("train/loss", "val/loss", "val/accuracy", "sparsity/scheduled", "sparsity/reached")
POINTS = 40
#: The tags kept: identity, data, and what decides the last digits.
TAGS = (
    "harness.kind",
    "harness.complete",
    "harness.format",
    "harness.scale",
    "harness.cell_id",
    "harness.trained_id",
    "harness.trained_run_id",
    "harness.dense_cell_id",
    "harness.dense_run_id",
    "harness.data",
    "harness.data_fingerprint",
    "harness.devices",
    "harness.computed",
    "harness.version",
    "harness.git_commit",
    "harness.git_dirty",
    "harness.python",
    "harness.packages",
    "harness.cpu",
    "harness.cpu_cores",
    "harness.memory_gib",
    "harness.export.best",
    *(f"harness.latency.{what}" for what in ("runtime", "cpu", "reference", "sparse", "busy")),
)
#: What no result depends on, and every machine has its own of.
_LEFT_OUT = ("work_dir", "tracking.uri", "dataset.cache_dir")
#: How the keys of files end; and how values begin that are places of one machine.
_FILES = ("_file", "_files", "_weights")
_ELSEWHERE = re.compile(r"['\"]?(/|~|\.\./)")
_SIGNATURE = "harness.signature."
_KINDS = ("params", "tags", "metrics")


def collect(uri: str, experiment: str, folder: Path) -> tuple[Path | None, int]:
    """Adds the finished cells of an experiment that a folder does not hold yet.

    Args:
        uri: the MLflow store.
        experiment: its name.
        folder: where to; made if it is not there.

    Returns:
        The file written, None where nothing is new, and how many runs it holds.

    Raises:
        NoRunsError: there is no such store or experiment.
        TrackingError: the store cannot be read, or the folder not be written to.
    """
    known = {run["run_id"] for run in _of(folder, experiment)} if folder.is_dir() else set()
    runs = [run for run in _read(uri, experiment) if run["run_id"] not in known]
    if not runs:
        return None, 0
    names = "\n".join(sorted(run["run_id"] for run in runs))
    path = folder / f"{experiment}-{hashlib.sha256(names.encode()).hexdigest()[:12]}.parquet"
    _write(path, runs)
    return path, len(runs)


def _read(uri: str, experiment: str) -> Iterator[dict[str, Any]]:
    """The finished, complete cells of a store's experiment, oldest first."""
    with opened(uri) as backend:
        numbers = {each.name: each.id for each in backend.experiments()}
        if experiment not in numbers:
            raise NoRunsError(f"the MLflow store {uri} has no experiment {experiment!r}")
        number = numbers[experiment]
        found = {row[0]: row for row in reversed(backend.runs(number, finished=True))}
        told: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in _KINDS}
        for kind, of_kind in told.items():
            for run_id, key, value in backend.pairs(number, kind):
                if value is not None:
                    of_kind.setdefault(run_id, {})[key] = value
        cells = [r for r in found if told["tags"].get(r, {}).get("harness.complete") == "true"]
        steps: dict[str, dict[str, dict[int, float]]] = {}
        for run_id, key, step, value in backend.steps(cells, HISTORIES):
            steps.setdefault(run_id, {}).setdefault(key, {})[step] = value
        places = dict(backend.places(cells))
    for run_id in cells:
        _, _, status, start, end = found[run_id]
        yield {
            "run_id": run_id,
            "experiment": experiment,
            "status": status,
            "start": start,
            "end": end,
            "params": told["params"].get(run_id, {}),
            "tags": _kept(told["tags"][run_id]),
            "metrics": told["metrics"].get(run_id, {}),
            "histories": list(_thinned(steps.get(run_id, {}))),
            **answers.read(places[run_id]),
        }


def _kept(tags: Mapping[str, str]) -> dict[str, str]:
    kept = {key: tags[key] for key in TAGS if key in tags}
    kept |= {key: value for key, value in tags.items() if key.startswith(_SIGNATURE)}
    if "harness.command" in tags:
        kept["harness.command"] = without_places(tags["harness.command"])
    return kept


def without_places(command: str) -> str:
    """A command as it can be run elsewhere: without the store, and where the data lie.

    A name among the data stays, for it says which: of an absolute place, what is to be there.

    Example:
        >>> without_places("harness run seed=1 work_dir=/tmp/w dataset.data_dir=/home/me/x")
        'harness run seed=1 dataset.data_dir=FOLDER'
        >>> without_places("harness run dataset.test_files=new training.dense_weights=~/a.keras")
        'harness run dataset.test_files=new training.dense_weights=FILE'
    """
    words: list[str] = []
    for word in shlex.split(command):
        key = key_of(word) if "=" in word else ""
        if key in _LEFT_OUT:
            continue
        if words and words[-1] == "--config-dir":
            word = "FOLDER"
        elif key and (key == "dataset.data_dir" or _ELSEWHERE.match(word.partition("=")[2])):
            word = f"{key}={'FILE' if key.endswith(_FILES) else 'FOLDER'}"
        elif not key and _ELSEWHERE.match(word):
            word = "FILE"
        words.append(word)
    return shlex.join(words)


def _thinned(of_run: Mapping[str, Mapping[int, float]]) -> Iterator[dict[str, Any]]:
    """At most `POINTS` evenly spread points of each metric, the first and the last among them."""
    for key in sorted(of_run):
        points = sorted(of_run[key].items())
        every = max(1, -(-(len(points) - 1) // (POINTS - 1)))
        kept = points[::every]
        if points[-1] not in kept:
            kept.append(points[-1])
        yield from ({"key": key, "step": step, "value": value} for step, value in kept)


def _schema() -> Any:
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            ("run_id", text),
            ("experiment", text),
            ("status", text),
            ("start", pa.int64()),
            ("end", pa.int64()),
            ("params", pa.map_(text, text)),
            ("tags", pa.map_(text, text)),
            ("metrics", pa.map_(text, pa.float64())),
            (
                "histories",
                pa.list_(pa.struct([("key", text), ("step", pa.int64()), ("value", pa.float64())])),
            ),
            *(
                (name, pa.list_(text) if name in answers.TEXTS else pa.binary())
                for name in answers.PARTS
            ),
            ("examples", pa.int64()),
        ]
    )


def _write(path: Path, runs: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    maps = [{**run, **{kind: sorted(run[kind].items()) for kind in _KINDS}} for run in runs]
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pylist(maps, schema=_schema())
        parquet.write_table(table, temporary, compression="zstd", compression_level=19)
        temporary.replace(path)
    except OSError as error:
        raise TrackingError(
            f"runs cannot be collected in {path.parent} ({error.strerror or error}): give a folder "
            "that can be written to"
        ) from None


@cache
def _file(path: Path, _changed: int) -> list[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
        runs: list[dict[str, Any]] = table.to_pylist(maps_as_pydicts="strict")
    except (OSError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise TrackingError(
            f"{path} cannot be read as collected runs ({reason}): restore it, or collect again"
        ) from None
    return runs


def _of(folder: Path, experiment: str | None = None) -> list[dict[str, Any]]:
    """The runs of a folder, of one experiment or all, each once, newest first."""
    runs = {
        run["run_id"]: run
        for path in sorted(folder.glob("*.parquet"))
        for run in _file(path, path.stat().st_mtime_ns)
        if experiment in (None, run["experiment"])
    }
    return sorted(runs.values(), key=lambda run: (-run["start"], run["run_id"]))


class Collected:
    """A `Backend` that reads a folder of collected runs; an experiment's id is its name.

    A table that is planned there (a `.json` of its name) is an experiment, if without runs.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        # a run is of several where it was collected for several tables
        self._known: dict[str | None, list[dict[str, Any]]] = {}

    def _runs(self, experiment: str | None = None) -> list[dict[str, Any]]:
        if experiment not in self._known:
            self._known[experiment] = _of(self._folder, experiment)
        return self._known[experiment]

    def experiments(self) -> list[Experiment]:
        """As `Backend`."""
        planned = {path.stem for path in self._folder.glob("*.json")}
        names = sorted(planned | {run["experiment"] for run in self._runs()})
        return [Experiment(name, name, frozenset()) for name in names]

    def runs(self, experiment: str, *, finished: bool = False) -> list[Row]:
        """As `Backend`; there is no page to link to, so no experiment's id."""
        return [
            (run["run_id"], "", run["status"], run["start"], run["end"])
            for run in self._runs(experiment)
        ]

    def pairs(
        self, experiment: str, kind: str, keys: Sequence[str] = ()
    ) -> Iterable[tuple[str, str, Any]]:
        """As `Backend`."""
        for run in self._runs(experiment):
            for key, value in run[kind].items():
                if not keys or key in keys:
                    yield run["run_id"], key, value

    def newest(self, experiment: str, tag: str) -> int | None:
        """As `Backend`."""
        starts = [run["start"] for run in self._runs(experiment) if tag in run["tags"]]
        return max(starts, default=None)

    def steps(
        self, run_ids: Sequence[str], keys: Sequence[str]
    ) -> Iterable[tuple[str, str, int, float]]:
        """As `Backend`."""
        wanted = set(run_ids)
        for run in self._runs():
            if run["run_id"] in wanted:
                for point in run["histories"] or ():
                    if point["key"] in keys:
                        yield run["run_id"], point["key"], point["step"], point["value"]

    def places(self, run_ids: Sequence[str]) -> Iterable[tuple[str, str]]:
        """As `Backend`: files are not kept."""
        return ()

    def answers(self, run_ids: Sequence[str]) -> dict[str, "answers.Answers"]:
        """What runs said of the test examples; nothing of those that do not say."""
        wanted = set(run_ids)
        kept = {run["run_id"]: run for run in self._runs() if run["run_id"] in wanted}
        return {name: found for name, run in kept.items() if (found := answers.of(run))}
