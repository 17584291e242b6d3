"""What every format says of a table's numbers."""

from harness.report.layout import beside_texts, takes
from harness.report.statistics import CONFIDENCE
from harness.report.tables import Table


def caption(table: Table) -> str:
    """Says what the numbers are of: scale, data, measure, intervals, denominators."""
    return " ".join(sentences(table))


def sentences(table: Table) -> list[str]:
    """The caption, sentence by sentence; scale and data come first."""
    quality = table.spec.quality
    parts = [
        f"Scale: {table.spec.scale}. Data: {data_text(table)}.",
        f"{quality.name.capitalize() if quality.name.islower() else quality.name} on the test "
        f"split{f' in {quality.unit}' if quality.unit else ''}: mean ± {CONFIDENCE:.0%} interval "
        "over seeds (Student t; n seeds).",
        "Differences are from a run's own dense baseline, paired by seed.",
        *_beside(table),
        *_scales(table),
        *_beyond(table),
    ]
    if prunable := _denominators(table, "prunable_params"):
        parts.append(f"Prunable weights: {prunable}.")
    if total := _denominators(table, "total_params"):
        parts.append(f"All parameters: {total}.")
    if any(entry.bytes_raw for entry in table.entries):
        parts.append("Bytes are of the TensorFlow Lite file.")
    if any(entry.train_seconds for entry in table.entries):
        parts.append(
            "Training is the seconds in a run's own steps: a sparse run's dense baseline is not "
            "in them."
        )
    if any(entry.flops_effective for entry in table.entries):
        parts.append("FLOPs without zeros leave out what is multiplied by a pruned weight.")
    if table.selection:
        parts.append(f"Only runs {', '.join(table.selection)}.")
    return parts


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


def _denominators(table: Table, name: str) -> str:
    counts: dict[str, set[int]] = {}
    for entry in table.entries:
        count = getattr(entry, name)
        if count:
            counts.setdefault(entry.spec.model, set()).add(round(count))
    return ", ".join(
        f"{' or '.join(f'{count:,}' for count in sorted(found))} ({model})"
        for model, found in counts.items()
    )
