"""The numbers of one row of a table: measured over its seeds, and published."""

import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness import metrics
from harness.report.collect import Run
from harness.report.comparisons import Comparison, compare
from harness.report.published import Published, PublishedTable
from harness.report.statistics import Estimate, mean_interval, paired_difference
from harness.report.table_spec import RowSpec
from harness.report.values import is_finite
from harness.tracking.answers import Answers

#: A run's metrics of its layers: this prefix and the weight's path.
_LAYER = "sparsity/layer/"
#: What a file weighs by the compression that makes it smallest.
LEAST = "least_bytes"
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Entry:
    """One row of cells: measured over its seeds, and published.

    Attributes:
        spec: The row.
        runs: By seed.
        quality: None where no run was measured.
        difference: From the dense baselines that the runs started from.
        control: From the controls of the same seeds; None where there are none.
        values: Metric -> mean over seeds, as logged, of those in tables.
        reductions: Metric -> how many times less than its own dense baseline a run has of it
            (`Metric.against`); and of each file's fewest bytes, `least_bytes` of its kind.
        fewer: Metric -> how many of the runs have it, where not all do; `least_bytes`, too.
        files: Metric -> the one whose values these are, where another stands in its place.
        kinds: Of the files that runs wrote, in order.
        layers: Weight -> sparsity reached.
        published: The row's published value.
        published_baseline: The dense value that it is compared with.
        published_beside: What those who published it measured with it, where the guide shows
            others' numbers.
        comparison: With the control, or else with the dense baselines, and how sure that is.
        p_holm: Its p-value over seeds, corrected for the comparisons of the whole table.
    """

    spec: RowSpec
    runs: tuple[Run, ...]
    quality: Estimate | None
    difference: Estimate | None
    control: Estimate | None
    values: Mapping[str, float]
    reductions: Mapping[str, float]
    files: Mapping[str, str]
    layers: Mapping[str, float]
    published: Published | None
    published_baseline: Published | None
    published_beside: tuple[Published, ...] = ()
    fewer: Mapping[str, int] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    comparison: Comparison | None = None
    p_holm: float | None = None

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
class Partners:
    """What the runs of a row are compared with: run id -> run."""

    dense: Mapping[str, Run]
    control: Mapping[str, Run]


def entry(
    row: RowSpec,
    runs: tuple[Run, ...],
    partners: Partners,
    files: Mapping[str, str],
    published: PublishedTable,
    answers: Mapping[str, Answers],
) -> Entry:
    """Computes a row.

    Args:
        row: The row.
        runs: By seed.
        partners: What they are compared with.
        files: From `files_of`, for the row's model.
        published: The published values.
        answers: What runs said of the test's examples.
    """
    name = row.published_row
    names = {metric.name: files.get(metric.name, metric.name) for metric in metrics.in_tables()}
    logged = {name for run in runs for name in run.metrics}
    kinds = tuple(metrics.kinds(logged))
    shown = {metric.name: metric.name for metric in metrics.of_files(kinds, logged)} | names
    weighed = {metrics.size(kind, LEAST): _weighed(runs, kind) for kind in kinds}
    against = metrics.find("size/best_bytes").against
    compared = {run.run_id: run for run in runs} if row.is_dense else partners.dense
    qualities = {run.run_id: run.quality for run in runs}
    difference = None if row.is_dense else _difference(qualities, partners.dense)
    control = _difference(qualities, partners.control)
    versus = "control" if control else "dense"
    others = partners.control if control else partners.dense
    return Entry(
        spec=row,
        runs=runs,
        quality=mean_interval(list(qualities.values())) if runs else None,
        difference=difference,
        control=control,
        comparison=compare(versus, control or difference, runs, others, answers),
        values=_present({name: _mean(runs, own) for name, own in shown.items()}),
        reductions=_present(
            {
                m.name: _reduction(runs, compared, names[m.name], m.against or (names[m.name],))
                for m in metrics.in_tables()
                if m.ratio
            }
            | {least: _reduction(own, compared, least, against) for least, own in weighed.items()}
        ),
        fewer={
            name: have
            for name, have in (
                *((name, sum(_finite(run, own) for run in runs)) for name, own in shown.items()),
                *((least, len(own)) for least, own in weighed.items()),
            )
            if 0 < have < len(runs)
        },
        files=files,
        layers=_layers(runs),
        published=published.get(name, row.sparsity),
        published_baseline=None if row.is_dense else published.baseline(name, row.sparsity),
        published_beside=published.partners(name, row.sparsity),
        kinds=kinds,
    )


def metrics_of_files(entries: Sequence[Entry]) -> list[metrics.Metric]:
    """What was measured of files, in any row, that no column of all tables shows."""
    kinds = sorted({kind for entry in entries for kind in entry.kinds})
    return metrics.of_files(kinds, {name for entry in entries for name in entry.values})


def files_of(runs: Iterable[Run]) -> dict[str, str]:
    """Which metrics stand in for others, that no run of a model has logged."""
    logged = {name for run in runs for name in run.metrics}
    return {
        metric.name: metric.instead
        for metric in metrics.in_tables()
        if metric.instead and metric.name not in logged and metric.instead in logged
    }


def _difference(qualities: Mapping[str, float], others: Mapping[str, Run]) -> Estimate | None:
    return paired_difference(qualities, {run_id: other.quality for run_id, other in others.items()})


def _present(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}


def _finite(run: Run, metric: str) -> bool:
    return is_finite(run.metrics.get(metric, math.nan))


def _mean(runs: tuple[Run, ...], metric: str) -> float | None:
    values = [run.metrics[metric] for run in runs if _finite(run, metric)]
    return statistics.fmean(values) if values else None


def _reduction(
    runs: tuple[Run, ...], own: Mapping[str, Run], metric: str, against: tuple[str, ...]
) -> float | None:
    ratios = []
    for run in runs:
        base = own.get(run.run_id)
        if base is None or not _finite(run, metric) or run.metrics[metric] <= 0:
            continue
        named = next((name for name in against if _finite(base, name)), None)
        if named is not None:
            ratios.append(base.metrics[named] / run.metrics[metric])
    return statistics.fmean(ratios) if ratios else None


def _weighed(runs: tuple[Run, ...], kind: str) -> tuple[Run, ...]:
    """Runs with a file's fewest bytes: of those that weighed it by all that any of them did.

    A run that lacks the compression which makes the others' smallest would be of another measure.
    """
    names = [metrics.size(kind, end) for end in metrics.WEIGHTS]
    names = [name for name in names if any(_finite(run, name) for run in runs)]
    return tuple(
        replace(
            run,
            metrics={
                **run.metrics,
                metrics.size(kind, LEAST): min(run.metrics[name] for name in names),
            },
        )
        for run in runs
        if names and all(_finite(run, name) for name in names)
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """The order in which `conv2d_2` comes before `conv2d_10`."""
    return [
        (int(part or 0), "") if i % 2 else (0, part) for i, part in enumerate(_DIGITS.split(name))
    ]


def _layers(runs: tuple[Run, ...]) -> dict[str, float]:
    names = {name for run in runs for name in run.metrics if name.startswith(_LAYER)}
    ordered = sorted(names, key=_natural)
    return _present({name.removeprefix(_LAYER): _mean(runs, name) for name in ordered})
