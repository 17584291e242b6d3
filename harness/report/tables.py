"""Joins measured and published values into the entries of a table."""

import math
import statistics
from dataclasses import dataclass

from harness.report.collect import Collection, Exclusion, Run, total_excluded
from harness.report.published import Published, PublishedTable
from harness.report.spec import RowSpec, TableSpec
from harness.report.statistics import Estimate, mean_interval, paired_difference

_DENSE = "dense"


@dataclass(frozen=True)
class Entry:
    """One row of cells: measured over its seeds, and published.

    Measured values are None where no run was measured, or none logged that value. Counts
    and bytes are means over seeds; sparsities are fractions in [0, 1].
    """

    spec: RowSpec
    runs: tuple[Run, ...]
    quality: Estimate | None
    difference: Estimate | None
    sparsity_prunable: float | None
    sparsity_all: float | None
    prunable_params: float | None
    total_params: float | None
    nonzero_params: float | None
    bytes_raw: float | None
    bytes_gzip: float | None
    gzip_reduction: float | None
    train_seconds: float | None
    published: Published | None
    published_baseline: Published | None

    @property
    def is_dense(self) -> bool:
        """Whether this is a dense baseline, with nothing to be compared to."""
        return _is_dense(self.spec)

    @property
    def published_difference(self) -> float | None:
        """The published value's difference from the dense value of the same source."""
        if self.is_dense or self.published is None or self.published_baseline is None:
            return None
        return self.published.value - self.published_baseline.value


@dataclass(frozen=True)
class Table:
    """A table's entries, in the order shown, and what must be said under it."""

    spec: TableSpec
    entries: tuple[Entry, ...]
    data: tuple[str, ...]
    notes: tuple[str, ...]


def build_table(
    spec: TableSpec,
    collection: Collection,
    published: PublishedTable,
    first_notes: tuple[str, ...] = (),
) -> Table:
    """Computes every number of a table.

    Differences are between a run and its own dense baseline, the run named by its tag
    `harness.dense_run_id` or else the dense run of the same model and seed, and their
    interval is over these pairs.
    """
    dense = {
        row.model: runs
        for row, runs in zip(spec.rows, collection.runs, strict=True)
        if _is_dense(row)
    }
    entries = []
    strays = 0
    for row, runs in zip(spec.rows, collection.runs, strict=True):
        own = {
            run.run_id: base
            for seed, run in runs.items()
            if (base := _baseline(run, dense.get(row.model, {}).get(seed), collection))
        }
        shown = {run.run_id for run in dense.get(row.model, {}).values()}
        strays += sum(base.run_id not in shown for base in own.values() if not _is_dense(row))
        entries.append(_entry(row, tuple(runs[s] for s in sorted(runs, key=_seed)), own, published))
    data = sorted({t for e in entries for r in e.runs if (t := r.tags.get("harness.data"))})
    notes = (*first_notes, *_notes(entries, collection, strays))
    return Table(spec, tuple(entries), tuple(data), notes)


def _baseline(run: Run, same_seed: Run | None, collection: Collection) -> Run | None:
    """Returns the dense run that a run started from; None where that one is gone."""
    named = run.tags.get("harness.dense_run_id")
    return collection.baselines.get(named) if named else same_seed


def _is_dense(row: RowSpec) -> bool:
    return row.sparsity == _DENSE


def _seed(seed: str) -> tuple[float, str]:
    try:
        return float(seed), seed
    except ValueError:
        return math.inf, seed


def _entry(
    row: RowSpec, runs: tuple[Run, ...], own: dict[str, Run], published: PublishedTable
) -> Entry:
    qualities = {run.run_id: run.quality for run in runs}
    is_dense = _is_dense(row)
    baselines = {run_id: base.quality for run_id, base in own.items()}
    return Entry(
        spec=row,
        runs=runs,
        quality=mean_interval(list(qualities.values())) if runs else None,
        difference=None if is_dense else paired_difference(qualities, baselines),
        sparsity_prunable=_mean(runs, "sparsity/prunable"),
        sparsity_all=_mean(runs, "sparsity/all"),
        prunable_params=_mean(runs, "params/prunable"),
        total_params=_mean(runs, "params/total"),
        nonzero_params=_mean(runs, "params/nonzero"),
        bytes_raw=_mean(runs, "size/tflite_bytes"),
        bytes_gzip=_mean(runs, "size/tflite_gzip_bytes"),
        gzip_reduction=_reduction(runs, {r.run_id: r for r in runs} if is_dense else own),
        train_seconds=_mean(runs, "time/train_seconds"),
        published=published.get(row.model, row.sparsity),
        published_baseline=None if is_dense else published.baseline(row.model, row.sparsity),
    )


def _mean(runs: tuple[Run, ...], metric: str) -> float | None:
    values = [run.metrics[metric] for run in runs if metric in run.metrics]
    return statistics.fmean(values) if values else None


def _reduction(runs: tuple[Run, ...], own: dict[str, Run]) -> float | None:
    """Returns how many times smaller than its dense baseline's the gzipped file is."""
    key = "size/tflite_gzip_bytes"
    ratios = [
        own[run.run_id].metrics[key] / run.metrics[key]
        for run in runs
        if run.run_id in own and run.metrics.get(key) and key in own[run.run_id].metrics
    ]
    return statistics.fmean(ratios) if ratios else None


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _notes(entries: list[Entry], collection: Collection, strays: int) -> list[str]:
    notes = _seed_notes(entries)
    if strays:
        notes.append(
            f"{_count(strays, 'sparse run')} started from a dense run that is not the one shown; "
            "differences are from the one started from."
        )
    return [
        *notes,
        *_conflict_notes(entries),
        *_exclusion_notes(collection.excluded),
    ]


def _seed_notes(entries: list[Entry]) -> list[str]:
    notes = []
    if any(e.quality is not None and e.quality.n == 1 for e in entries):
        notes.append("Rows with 1 seed have no interval: one run says nothing about its spread.")
    missing = sum(max(0, len(e.spec.seeds) - len(e.runs)) for e in entries if e.runs)
    if missing:
        notes.append(f"Not run (yet) of measured rows: {_count(missing, 'planned seed')}.")
    unpaired = sum(
        len(e.runs) - (e.difference.n if e.difference else 0) for e in entries if not e.is_dense
    )
    if unpaired:
        notes.append(
            f"The dense baseline of {_count(unpaired, 'sparse run')} is not in the experiment: "
            "no difference or ratio counts them."
        )
    return notes


def _conflict_notes(entries: list[Entry]) -> list[str]:
    """Says where runs that are compared were not made alike."""
    notes = []
    runs = [run for entry in entries for run in entry.runs]
    for tag, what in (("harness.git_commit", "code versions"), ("harness.format", "formats")):
        values = sorted({run.tags.get(tag, "unknown") for run in runs})
        if len(values) > 1:
            notes.append(
                f"CONFLICT: the runs were made by {len(values)} {what} "
                f"({', '.join(v[:12] for v in values)})."
            )
    dirty = sum(run.tags.get("harness.git_dirty", "").lower() == "true" for run in runs)
    if dirty:
        notes.append(
            f"{dirty} of {_count(len(runs), 'run')} made by code with uncommitted changes."
        )
    for model in dict.fromkeys(entry.spec.model for entry in entries):
        prints = {
            run.tags.get("harness.data_fingerprint", "unknown")
            for entry in entries
            if entry.spec.model == model
            for run in entry.runs
        }
        if len(prints) > 1:
            notes.append(
                f"CONFLICT: the runs of {model} saw {len(prints)} different data sets "
                f"(fingerprints {', '.join(sorted(p[:12] for p in prints))})."
            )
    return notes


def _exclusion_notes(excluded: list[Exclusion]) -> list[str]:
    total = total_excluded(excluded)
    if not total:
        return []
    reasons = "; ".join(f"{len(e.run_ids)} {e.reason}" for e in excluded)
    return [f"Not shown of the experiment: {_count(total, 'run')} ({reasons})."]
