"""What must be said of times: where they were taken, what gained nothing, what is doubtful."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from harness.export.timing.times import BUSY, DENSE_WEIGHTS, GAIN, NO_GAIN, NO_GAIN_SPARSE
from harness.models.gnmt import WORDS
from harness.report.collect import Run
from harness.report.entries import Entry
from harness.report.words import count

_TAGS = "harness.latency."
_KIND = "tflite_sparse"
_SPARSE, _ANY = f"latency/{_KIND}_speedup", "latency/dense_ms"
_STEP = "latency/dense_step_ms"


def latency_notes(entries: Sequence[Entry]) -> list[str]:
    """Returns the notes on rows that have times; none where no run was timed."""
    timed = [run for entry in entries for run in entry.runs if _ANY in run.metrics]
    if not timed:
        return []
    where = Counter(f"{_tag(run, 'runtime')} on {_tag(run, 'cpu')}" for run in timed)
    places = "; ".join(f"{place} ({count(runs, 'run')})" for place, runs in where.most_common())
    return [
        f"Latency: {places}, one example at a time by one thread. × is how many times as fast a "
        "file is as the dense network's float32 one, which took turns with it in one run; "
        "milliseconds of different runs are not comparable.",
        *_sentences(timed),
        *_sparse(entries),
        *_own_reference(entries),
        *_busy(timed),
    ]


def is_doubtful(run: Run) -> bool:
    """Whether the harness found other work, or factors too uncertain, as it took a run's times."""
    return f"{_TAGS}busy" in run.tags


def _tag(run: Run, name: str) -> str:
    return run.tags.get(f"{_TAGS}{name}", "unknown")


def _sparse(entries: Iterable[Entry]) -> Iterator[str]:
    """Which sparse files gain nothing or run dense, and where others store no zeros."""
    rows = [e for e in entries if not (e.is_dense or e.spec.is_control) and _SPARSE in e.values]
    for skips, gains, why in (
        (False, False, NO_GAIN),
        (True, False, NO_GAIN_SPARSE),
        (False, True, f"faster, but not by what they leave out: {DENSE_WEIGHTS}"),
    ):
        found = [
            f"{e.spec.model} {e.spec.name}"
            for e in rows
            if (e.values[_SPARSE] >= GAIN) == gains and any(map(_skips, e.runs)) == skips
        ]
        if found:
            yield f"Sparse float32 files of {', '.join(found)}: {why}."
    told = dict.fromkeys(
        f"{e.spec.model} {e.spec.name} ({_tag(run, 'sparse')})"
        for e in rows
        for run in e.runs
        if f"{_TAGS}sparse" in run.tags
    )
    if told:
        yield f"Operations whose weights the file stores without zeros: {'; '.join(told)}."


def _sentences(timed: Sequence[Run]) -> Iterator[str]:
    if any(_STEP in run.metrics for run in timed):
        yield (
            f"An example of translation is a sentence of {WORDS} words to {WORDS}, one hypothesis: "
            "encoded, then a step of the decoder for each word."
        )


def _skips(run: Run) -> bool:
    """Whether its sparse float32 file stores weights of an operation without zeros."""
    return f"{_KIND}: " in run.tags.get(f"{_TAGS}sparse", "")


def _own_reference(entries: Iterable[Entry]) -> Iterator[str]:
    alone = sum(
        _tag(run, "reference") == "tflite"
        for entry in entries
        if not entry.is_dense
        for run in entry.runs
    )
    if alone:
        yield (
            f"The dense baseline's file was not at hand for {count(alone, 'run')}: × is against "
            "their own float32 file, whose kernels compute zeros, too."
        )


def _busy(timed: Sequence[Run]) -> Iterator[str]:
    busy = [_tag(run, "busy") for run in timed if is_doubtful(run)]
    if busy:
        yield (
            f"{BUSY}: the times of {len(busy):,} of {count(len(timed), 'run')} are doubtful: "
            f"{busy[0]}{' and so on' if len(set(busy)) > 1 else ''}."
        )
