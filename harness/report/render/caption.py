"""What every format says of a table's numbers."""

from collections import Counter

from harness import metrics
from harness.report import bootstrap
from harness.report.entries import metrics_of_files
from harness.report.frame import file_of
from harness.report.grid import FEWER
from harness.report.layout import beside_texts, takes
from harness.report.statistics import CONFIDENCE
from harness.report.tables import Table
from harness.report.words import count


def caption(table: Table) -> str:
    """Says what the numbers are of: scale, data, measure, intervals, denominators."""
    return " ".join(sentences(table))


def sentences(table: Table) -> list[str]:
    """The caption, sentence by sentence; scale and data come first."""
    quality = table.spec.quality
    name = quality.heading
    controls = (
        " and from the control, that baseline fine-tuned alike at 0 %" if table.has_controls else ""
    )
    parts = [
        f"Scale: {table.spec.scale}. Data: {data_text(table)}.",
        f"{name.capitalize() if name.islower() else name} on the {quality.split} "
        f"split{f' in {quality.unit}' if quality.unit else ''}: mean ± {CONFIDENCE:.0%} interval "
        "over seeds (Student t; n seeds).",
        f"Differences are from a run's own dense baseline{controls}, paired by seed.",
        *([table.spec.tuned] if table.spec.tuned else []),
        *_certainty(table),
        *_beside(table),
        *_scales(table),
        *_beyond(table),
    ]
    parts += [
        f"{metrics.find(metric.of).label.capitalize()}: {counts}."
        for metric in metrics.shown(metrics.SIZE)
        if metric.of and (counts := _denominators(table, metric.of))
    ]
    if files := _files(table):
        parts.append(f"Bytes are of {files}.")
    parts += _against(table)
    parts += _fewer(table)
    if any(entry.values.get("time/train_seconds") for entry in table.entries):
        parts.append(
            "Training is the seconds in a run's own steps: a sparse run's dense baseline is not "
            "in them."
        )
    if table.selection:
        parts.append(f"Only runs {', '.join(table.selection)}.")
    return parts


def _certainty(table: Table) -> list[str]:
    """Says what p-values and the second kind of interval are of."""
    found = []
    whom = " (where there is none, from the dense baseline)" if table.has_controls else ""
    if any(entry.p_holm is not None for entry in table.entries):
        found.append(
            f"p, seeds: a paired t-test of the difference from the control{whom}, corrected for "
            "all rows by Holm."
            if table.has_controls
            else "p, seeds: a paired t-test of the difference from the dense baseline, corrected "
            "for all rows by Holm."
        )
    compared = table.comparisons
    if any(each.examples for each in compared):
        found.append(
            "± test examples: the 95% interval of the same difference over the test's examples"
            + (
                ", and McNemar's test of it, its p not corrected for the number of rows."
                if any(each.p_examples is not None for each in compared)
                else f", by bootstrap ({bootstrap.SAMPLES:,} draws, the same for all seeds; 13a)."
            )
        )
    if any(each.p_by_seed for each in compared):
        found.append(
            "p, bootstrap: sacrebleu's paired bootstrap over the test's sentences, detokenised "
            "(13a), a seed each, not corrected for the number of rows."
        )
    return found


def data_text(table: Table) -> str:
    """The data sets in their own words, data that a program made marked as such."""
    words = "; ".join(table.data) or "nothing measured yet"
    return f"SYNTHETIC, {words}" if table.is_synthetic else words


def _beside(table: Table) -> list[str]:
    """Says what published values are to be compared with that others than the guide measured."""
    return [
        f"The published {e.spec.model} {e.spec.sparsity} is by {e.published.by}, who measured "
        f"{', '.join(beside_texts(e))} with it: these are what to compare it with."
        for e in table.entries
        if e.published and e.published_beside
    ]


def _scales(table: Table) -> list[str]:
    if table.spec.scale == "full" or not any(entry.published for entry in table.entries):
        return []
    return [
        "Published values are of the full model and data set, in columns of their own: they are "
        "no yardstick for what is measured at small scale."
    ]


def _beyond(table: Table) -> list[str]:
    """Names the rows that the page's layout has no column for."""
    page = table.spec.page
    rows = [e for e in table.entries if page and not any(takes(column, e) for column in page)]
    if not rows:
        return []
    names = ", ".join(dict.fromkeys(entry.spec.sparsity for entry in rows))
    return [f"Beyond the guide's columns, in the grid of results: {names}."]


def _files(table: Table) -> str:
    """Says of which file bytes are; of several, of which models' each is."""
    models: dict[str, list[str]] = {}
    for entry in table.entries:
        for metric in metrics.shown(metrics.SIZE):
            if (file := file_of(entry, metric)) and entry.spec.model not in models.get(file, []):
                models.setdefault(file, []).append(entry.spec.model)
    if len(models) < 2:
        return "".join(models)
    return ", of ".join(f"{file} ({', '.join(names)})" for file, names in models.items())


def _against(table: Table) -> list[str]:
    """Says what ratios are to that are not to the dense baseline's own value of the same metric."""
    return [
        f"{metric.ratio[0]}: than the dense baseline's float32 file by gzip, "
        f"{', or else '.join(metrics.find(name).file for name in metric.against)}."
        for metric in metrics.shown(metrics.SIZE)
        if metric.file and metric.ratio and metric.against
        if any(metric.name in entry.reductions for entry in table.entries)
    ]


def _fewer(table: Table) -> list[str]:
    """Says which means are of fewer seeds than their row has; rows that lack the same, together."""
    quality = table.spec.quality
    every = [*metrics.in_tables(), *metrics_of_files(table.entries)]
    rows: Counter[tuple[int, int, tuple[str, ...]]] = Counter()
    for entry in table.entries:
        for have in sorted(set(entry.fewer.values())):
            names = dict.fromkeys(
                metric.of_table(quality).heading
                for metric in every
                if metric.heading and entry.fewer.get(metric.name) == have
            )
            if names:
                rows[have, len(entry.runs), tuple(names)] += 1
    return [
        f"{FEWER} of {have} of {seeds} seeds, in {count(n, 'row')}: {', '.join(names)}."
        for (have, seeds, names), n in rows.items()
    ]


def _denominators(table: Table, metric: str) -> str:
    counts: dict[str, set[int]] = {}
    for entry in table.entries:
        value = entry.values.get(metric)
        if value:
            counts.setdefault(entry.spec.model, set()).add(round(value))
    return ", ".join(
        f"{' or '.join(f'{value:,}' for value in sorted(found))} ({model})"
        for model, found in counts.items()
    )
