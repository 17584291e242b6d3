"""Joins measured and published values into the entries of a table."""

import math
import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from harness.report.collect import Collection, Exclusion, Run
from harness.report.filters import Selection
from harness.report.notes import notes_of
from harness.report.published import Published, PublishedTable
from harness.report.spec import RowSpec, TableSpec
from harness.report.statistics import Estimate, mean_interval, paired_difference
from harness.report.values import is_finite

#: A run's metrics of its layers: this prefix and the weight's path.
_LAYER = "sparsity/layer/"
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Entry:
    """One row of cells: measured over its seeds, and published.

    Measured values are None where no run was measured, or none logged that value. Counts,
    bytes, seconds, FLOPs and milliseconds are means over seeds; sparsities are fractions in
    [0, 1]; reductions say how many times less than its own dense baseline a run needs.
    `layers` is the sparsity reached by weight. `published_beside` is what those who published
    the row's value measured with it, where the guide shows others' numbers.
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
    step_ms: float | None
    flops_dense: float | None
    flops_effective: float | None
    latency_ms: float | None
    latency_reduction: float | None
    layers: Mapping[str, float]
    published: Published | None
    published_baseline: Published | None
    published_beside: tuple[Published, ...] = ()

    @property
    def is_dense(self) -> bool:
        """Whether this is a dense baseline, with nothing to be compared to."""
        return self.spec.is_dense

    @property
    def published_difference(self) -> float | None:
        """The published value's difference from the dense value of the same source."""
        if self.is_dense or self.published is None or self.published_baseline is None:
            return None
        return self.published.value - self.published_baseline.value


@dataclass(frozen=True)
class Table:
    """A table's entries, in the order shown, and what must be said under it.

    Attributes:
        spec: What was asked for.
        entries: A row each.
        data: What the runs were trained and tested on, in the data sets' own words.
        notes: What must be said of the runs: conflicts first, exclusions last.
        excluded: The runs not shown, by reason.
        selection: What the runs were narrowed down to, in words; empty for all.
        options: The same, as options of `harness report`.
    """

    spec: TableSpec
    entries: tuple[Entry, ...]
    data: tuple[str, ...]
    notes: tuple[str, ...]
    excluded: tuple[Exclusion, ...] = ()
    selection: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def models(self) -> list[str]:
        """The models, in the order shown."""
        return list(dict.fromkeys(entry.spec.model for entry in self.entries))

    @property
    def sources(self) -> list[Published]:
        """The published values that the table shows or compares with, each once."""
        return list(
            dict.fromkeys(
                value
                for entry in self.entries
                for value in (entry.published, entry.published_baseline, *entry.published_beside)
                if value is not None
            )
        )

    @property
    def is_synthetic(self) -> bool:
        """Whether any of the data were made by a program rather than gathered."""
        return any("synthetic" in words.lower() for words in self.data)


def build_table(
    spec: TableSpec,
    collection: Collection,
    published: PublishedTable,
    first_notes: tuple[str, ...] = (),
    selection: Selection | None = None,
) -> Table:
    """Computes every number of a table.

    Differences are between a run and its own dense baseline, the run named by its tag
    `harness.dense_run_id` or else the dense run of the same model and seed, and their
    interval is over these pairs.
    """
    dense = [
        (row, runs)
        for row, runs in zip(spec.rows, collection.runs, strict=True)
        if row.is_dense and runs
    ]
    shown = {run.run_id for _, runs in dense for run in runs.values()}
    entries = []
    strays = 0
    for row, runs in zip(spec.rows, collection.runs, strict=True):
        alike = {} if row.is_dense else _dense_of(row, dense)
        own = {
            run.run_id: base
            for seed, run in runs.items()
            if (base := _baseline(run, alike.get(seed), collection))
        }
        strays += sum(base.run_id not in shown for base in own.values() if not row.is_dense)
        entries.append(_entry(row, tuple(runs[s] for s in sorted(runs, key=_seed)), own, published))
    data = sorted({t for e in entries for r in e.runs if (t := r.tags.get("harness.data"))})
    notes = (*first_notes, *notes_of(entries, collection.excluded, strays, collection.mixed))
    chosen = selection or Selection()
    return Table(
        spec,
        tuple(entries),
        tuple(data),
        notes,
        tuple(collection.excluded),
        tuple(chosen.texts),
        chosen.options,
    )


def _dense_of(row: RowSpec, dense: list[tuple[RowSpec, dict[str, Run]]]) -> dict[str, Run]:
    """Returns the dense runs of a row's model; of several variants, those set up alike."""

    def unlike(other: RowSpec) -> int:
        shared = {key for key in other.where if not key.startswith("sparsity.")}
        return sum(row.where.get(key, other.where[key]) != other.where[key] for key in shared)

    of_model = [(other, runs) for other, runs in dense if other.model == row.model]
    return min(of_model, key=lambda each: unlike(each[0]))[1] if of_model else {}


def _baseline(run: Run, same_seed: Run | None, collection: Collection) -> Run | None:
    """Returns the dense run that a run started from; None where that one is gone."""
    named = run.tags.get("harness.dense_run_id")
    return collection.baselines.get(named) if named else same_seed


def _seed(seed: str) -> tuple[float, str]:
    try:
        return float(seed), seed
    except ValueError:
        return math.inf, seed


def _entry(
    row: RowSpec, runs: tuple[Run, ...], own: dict[str, Run], published: PublishedTable
) -> Entry:
    qualities = {run.run_id: run.quality for run in runs}
    baselines = {run_id: base.quality for run_id, base in own.items()}
    compared = {run.run_id: run for run in runs} if row.is_dense else own
    return Entry(
        spec=row,
        runs=runs,
        quality=mean_interval(list(qualities.values())) if runs else None,
        difference=None if row.is_dense else paired_difference(qualities, baselines),
        sparsity_prunable=_mean(runs, "sparsity/prunable"),
        sparsity_all=_mean(runs, "sparsity/all"),
        prunable_params=_mean(runs, "params/prunable"),
        total_params=_mean(runs, "params/total"),
        nonzero_params=_mean(runs, "params/nonzero"),
        bytes_raw=_mean(runs, "size/tflite_bytes"),
        bytes_gzip=_mean(runs, "size/tflite_gzip_bytes"),
        gzip_reduction=_reduction(runs, compared, "size/tflite_gzip_bytes"),
        train_seconds=_mean(runs, "time/train_seconds"),
        step_ms=_mean(runs, "time/step_ms"),
        flops_dense=_mean(runs, "flops/dense"),
        flops_effective=_mean(runs, "flops/effective"),
        latency_ms=_mean(runs, "latency/ms"),
        latency_reduction=_reduction(runs, compared, "latency/ms"),
        layers=_layers(runs),
        published=published.get(row.published_row, row.sparsity),
        published_baseline=(
            None if row.is_dense else published.baseline(row.published_row, row.sparsity)
        ),
        published_beside=published.partners(row.published_row, row.sparsity),
    )


def _mean(runs: tuple[Run, ...], metric: str) -> float | None:
    values = [run.metrics[metric] for run in runs if is_finite(run.metrics.get(metric, math.nan))]
    return statistics.fmean(values) if values else None


def _natural(name: str) -> list[tuple[int, str]]:
    """The order in which `conv2d_2` comes before `conv2d_10`."""
    return [
        (int(part or 0), "") if i % 2 else (0, part) for i, part in enumerate(_DIGITS.split(name))
    ]


def _layers(runs: tuple[Run, ...]) -> dict[str, float]:
    names = {name for run in runs for name in run.metrics if name.startswith(_LAYER)}
    means = {name.removeprefix(_LAYER): _mean(runs, name) for name in sorted(names, key=_natural)}
    return {path: mean for path, mean in means.items() if mean is not None}


def _reduction(runs: tuple[Run, ...], own: dict[str, Run], metric: str) -> float | None:
    """Returns how many times smaller a metric is than that of its dense baseline."""
    ratios = [
        own[run.run_id].metrics[metric] / run.metrics[metric]
        for run in runs
        if run.run_id in own
        and is_finite(run.metrics.get(metric, math.nan))
        and run.metrics[metric] > 0
        and is_finite(own[run.run_id].metrics.get(metric, math.nan))
    ]
    return statistics.fmean(ratios) if ratios else None
