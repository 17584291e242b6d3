"""What must be said under a table: conflicts, missing seeds, runs that are not shown."""

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.report.collect import Exclusion, Run, total_excluded
from harness.report.entries import Entry
from harness.report.latency_notes import latency_notes
from harness.report.words import count

#: A note that begins so says that numbers side by side were not made alike.
CONFLICT = "CONFLICT"
#: What a comparison must not mix: tag -> what it tells apart.
_MADE_BY = {"harness.git_commit": "code versions"}


def notes_of(
    entries: Sequence[Entry],
    excluded: list[Exclusion],
    strays: int,
    mixed: Mapping[int, Sequence[str]],
) -> tuple[str, ...]:
    """Returns the notes on a table's rows, conflicts first.

    Args:
        entries: The rows.
        excluded: The runs not shown.
        strays: How many sparse runs started from a dense run that is not shown.
        mixed: Number of a row -> the parameters in which its runs differ beside the seed.
    """
    notes = [
        *_conflicts(entries),
        *_data_conflicts(entries),
        *(_mixed(entries[number], keys) for number, keys in mixed.items()),
        *_seeds(entries),
    ]
    if strays:
        notes.append(
            f"{count(strays, 'sparse run')} started from a dense run that is not the one shown; "
            "differences are from the one started from."
        )
    return (*notes, *latency_notes(entries), *_exclusions(excluded))


def _seeds(entries: Sequence[Entry]) -> list[str]:
    notes = []
    if any(e.quality is not None and e.quality.n == 1 for e in entries):
        notes.append("Rows with 1 seed have no interval: one run says nothing about its spread.")
    if any(e.quality is not None and e.quality.n == 2 for e in entries):
        notes.append("Rows with 2 seeds show both values: an interval of two would tell nothing.")
    missing = sum(max(0, len(e.spec.seeds) - len(e.runs)) for e in entries if e.runs)
    if missing:
        notes.append(f"Not run (yet) of measured rows: {count(missing, 'planned seed')}.")
    unpaired = sum(
        len(e.runs) - (e.difference.n if e.difference else 0) for e in entries if not e.is_dense
    )
    if unpaired:
        notes.append(
            f"The dense baseline of {count(unpaired, 'sparse run')} is not in the experiment: "
            "no difference or ratio counts them."
        )
    return notes + _controls(entries)


def _controls(entries: Sequence[Entry]) -> list[str]:
    """Says of how many runs the control is missing, where any has one."""
    sparse = [e for e in entries if not e.is_dense and not e.spec.is_control]
    if not any(entry.control for entry in sparse):
        return []
    alone = sum(len(e.runs) - (e.control.n if e.control else 0) for e in sparse)
    if not alone:
        return []
    return [
        f"There is no control of the recipe and seed of {count(alone, 'sparse run')}: no "
        "difference from the control counts them."
    ]


def _conflicts(entries: Sequence[Entry]) -> list[str]:
    """Says where runs that are compared were made by different code."""
    notes = []
    runs = [run for entry in entries for run in entry.runs]
    for tag, what in _MADE_BY.items():
        values = Counter(run.tags.get(tag, "unknown") for run in runs)
        if len(values) > 1:
            found = ", ".join(f"{v[:12]} in {count(n, 'run')}" for v, n in sorted(values.items()))
            notes.append(f"{CONFLICT}: the runs were made by {len(values)} {what} ({found}).")
    dirty = sum(run.tags.get("harness.git_dirty", "").lower() == "true" for run in runs)
    if dirty:
        notes.append(f"{dirty} of {count(len(runs), 'run')} made by code with uncommitted changes.")
    return notes


def _data_conflicts(entries: Sequence[Entry]) -> list[str]:
    """Says where runs of one model, and of one data set where rows name several, differ in it."""
    notes = []
    by_data: dict[tuple[str, ...], list[Run]] = {}
    for entry in entries:
        asked = [f"{k}={v}" for k, v in entry.spec.where.items() if k.startswith("dataset.")]
        by_data.setdefault((entry.spec.model, *sorted(asked)), []).extend(entry.runs)
    for (model, *_), runs in by_data.items():
        prints = sorted({run.tags.get("harness.data_fingerprint", "unknown") for run in runs})
        if len(prints) > 1:
            notes.append(
                f"{CONFLICT}: the runs of {model} saw {len(prints)} different data sets "
                f"(fingerprints {', '.join(p[:12] for p in prints)})."
            )
    return notes


def _mixed(entry: Entry, keys: Sequence[str]) -> str:
    some = ", ".join(keys[:4]) + (f" and {len(keys) - 4} more" if len(keys) > 4 else "")
    return (
        f"{CONFLICT}: the runs of {entry.spec.model} {entry.spec.name} differ in {some}: "
        "their mean is of several recipes; --filter keeps one."
    )


def _exclusions(excluded: list[Exclusion]) -> list[str]:
    total = total_excluded(excluded)
    if not total:
        return []
    reasons = "; ".join(f"{len(e.run_ids)} {e.reason}" for e in excluded)
    return [f"Not shown of the experiment: {count(total, 'run')} ({reasons})."]
