"""What is claimed, and whether a table bears it out: holds, does not hold, or cannot be told."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness import metrics
from harness.errors import ReportError
from harness.report.collect import Run
from harness.report.comparisons import (
    MANY,
    Comparison,
    both_needed,
    bound,
    compare,
    examples_needed,
    seeds_needed,
)
from harness.report.entries import Entry
from harness.report.latency_notes import is_doubtful
from harness.report.layout import estimate
from harness.report.statistics import Estimate, mean_interval, paired_difference
from harness.report.tables import Table
from harness.report.words import count
from harness.tracking.answers import Answers

VERDICTS = ("holds", "does not hold", "cannot be told", "not measured yet")
HOLDS, FAILS, OPEN, NOT_RUN = VERDICTS
_BYTES = metrics.size("tflite", "gzip_bytes")
_SPEED, _CONTROL = "latency/tflite_sparse_speedup", "latency/tflite_speedup"
_ROWS = {"rows", "models", "variant"}
_KEYS = _ROWS | {"loses_at_most", "gains", "loses", "lower_than", "smaller", "faster"}


@dataclass(frozen=True)
class Finding:
    """One check of one model.

    Attributes:
        what: the rows judged.
        asked: of them.
        verdict: `HOLDS`, `FAILS`, `OPEN` or `NOT_RUN`.
        difference: what was measured.
        needed: of `OPEN`: what would tell, in words; empty where that is not known.
        units: what the difference is over: seeds, or speakers.
        found: in words, what was measured instead of a difference.
    """

    what: str
    asked: str
    verdict: str
    difference: Estimate | None = None
    needed: str = ""
    units: str = "seeds"
    found: str = ""

    @property
    def text(self) -> str:
        """In one line."""
        if self.found:
            return f"{self.what}: {self.found} ({self.asked}): {self.verdict}"
        if self.difference is None:
            return f"{self.what}: {self.asked}: {self.verdict}"
        size = self.difference.n
        units = self.units if size != 1 else self.units.removesuffix("s")
        found = f"{estimate(self.difference, signed=True)}, {size} {units}"
        more = f"; {self.needed} would tell" if self.needed else ""
        return f"{self.what}: {found} ({self.asked}): {self.verdict}{more}"


@dataclass(frozen=True)
class Statement:
    """A sentence, and what was found of it.

    Attributes:
        text: the sentence.
        page: the guide's own numbers.
        table: whose rows are checked.
        findings: of each check and model.
        asked: the words of its checks, such as `smaller`.
    """

    text: str
    page: str
    table: str
    findings: tuple[Finding, ...]
    asked: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """Of all findings: one that fails fails it, all have to hold."""
        found = {each.verdict for each in self.findings} or {NOT_RUN}
        if FAILS in found:
            return FAILS
        if found == {HOLDS}:
            return HOLDS
        return NOT_RUN if found == {NOT_RUN} else OPEN


def judge(path: Path, tables: Mapping[str, Table]) -> list[Statement]:
    """Judges the statements of a file.

    Args:
        path: such as `results/statements.yaml`, which says what may stand in it.
        tables: by the names that the statements use.

    Raises:
        ReportError: the file cannot be read, or a check has unknown words.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return [_judged(each, tables) for each in content]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ReportError(f"{path} cannot be read as statements ({error})") from None


def _judged(said: Mapping[str, Any], tables: Mapping[str, Table]) -> Statement:
    findings: list[Finding] = []
    table = tables.get(said["table"])
    for check in said["checks"]:
        if unknown := set(check) - _KEYS:
            raise ReportError(
                f"a check has {', '.join(sorted(unknown))}; accepted: {', '.join(sorted(_KEYS))}"
            )
        groups = said.get("groups") or {"": []}
        for name, words in groups.items():
            findings += _findings(check, table, name, words) if table else []
    asked = tuple(dict.fromkeys(word for check in said["checks"] for word in check))
    return Statement(said["statement"], said["page"], said["table"], tuple(findings), asked)


def _findings(
    check: Mapping[str, Any], table: Table, group: str, words: Sequence[str]
) -> Iterator[Finding]:
    wanted = check.get("models", "")
    for model in (name for name in table.models if wanted in name):
        rows = [e for e in table.entries if e.spec.model == model and _in(e, words)]
        members = _members(check, rows)
        if not members:
            continue
        what = ", ".join(filter(None, (model, check["rows"], check.get("variant"), group)))
        other = check.get("lower_than")
        against = [e for e in rows if e.spec.sparsity == other] if other else []
        if "faster" in check:
            dense = [e for e in table.entries if e.spec.model == model and e.is_dense]
            yield _speed(what, float(check["faster"]), members, dense)
            continue
        _alike_but_for_data(what, members)
        compared = [_compared(e, check, against, table.answers) for e in members]
        yield _finding(what, check, members, [each for each in compared if each])


def _members(check: Mapping[str, Any], rows: Sequence[Entry]) -> list[Entry]:
    """The rows that a check names: of a variant, or else set up as most of the table is."""
    named = [e for e in rows if e.spec.sparsity == check["rows"]]
    if variant := check.get("variant"):
        return [e for e in named if variant in e.spec.variant]
    return [e for e in named if not e.spec.variant] or named


def _in(entry: Entry, words: Sequence[str]) -> bool:
    return not words or any(word in entry.spec.variant for word in words)


def _alike_but_for_data(what: str, members: Sequence[Entry]) -> None:
    """Refuses rows of several recipes, whose means would be judged as those of data sets."""
    keys = {key for e in members for key in e.spec.where if not key.startswith("dataset.")}
    keys = {key for key in keys - {"settings"} if len({e.spec.where.get(key) for e in members}) > 1}
    if keys:
        raise ReportError(
            f"a check of {what} is of {count(len(members), 'row')} that differ in "
            f"{', '.join(sorted(keys))}; name one by its variant"
        )


def _compared(
    entry: Entry, check: Mapping[str, Any], against: list[Entry], answers: Mapping[str, Answers]
) -> Comparison | None:
    """What is judged, seed by seed: from the control, or from rows of another sparsity."""
    if "lower_than" not in check:
        return entry.comparison
    same = [other for other in against if other.spec.variant == entry.spec.variant] or against
    of_seed = {run.seed: run for other in same for run in other.runs}
    others = {run.run_id: of_seed[run.seed] for run in entry.runs if run.seed in of_seed}
    difference = paired_difference(
        {run.run_id: run.quality for run in entry.runs},
        {run_id: other.quality for run_id, other in others.items()},
    )
    return compare(check["lower_than"], difference, entry.runs, others, answers)


def _finding(
    what: str, check: Mapping[str, Any], members: list[Entry], measured: list[Comparison]
) -> Finding:
    asked = _asked(check)
    if not measured:
        return Finding(what, asked, NOT_RUN)
    if len(members) > 1:  # rows of several data sets: their means are what varies
        units, examples = "speakers", None
        values = [each.difference.mean for each in measured]
    else:
        units, examples = "seeds", measured[0].examples
        values = list(measured[0].difference.values)
    low, high = bound(values, examples) or (None, None)
    line, above = _line(check)
    verdict, needed = OPEN, ""
    if "smaller" in check and not _small(members, float(check["smaller"])):
        verdict = FAILS
    elif low is not None and high is not None:
        beyond = low - line if above else line - high
        short = line - high if above else low - line
        within = "loses_at_most" in check  # on the line, too; no difference is no gain and no loss
        if beyond > 0 or (within and beyond == 0):
            verdict = HOLDS
        elif short > 0 or (not within and short == 0):
            verdict = FAILS
    if verdict == OPEN:
        needed = _needed(values, examples, statistics.fmean(values) - line, units)
    return Finding(what, asked, verdict, mean_interval(values), needed, units)


def _needed(values: list[float], examples: Estimate | None, distance: float, units: str) -> str:
    """What would tell: more seeds; or where those are not enough, more test examples; or both."""
    seeds = seeds_needed(values, distance, examples)
    if seeds is None:
        return ""
    if len(values) < seeds <= MANY:
        return f"about {seeds:,} {units}"
    times = examples_needed(values, examples, distance)
    if times and times > 1:
        return f"about {times:,} times as many test examples"
    both = both_needed(values, examples, distance)
    if both is None:
        return f"more than {MANY:,} {units}"
    return f"about {both[0]:,} {units} and {both[1]:,} times as many test examples"


def _speed(what: str, least: float, members: Sequence[Entry], dense: Sequence[Entry]) -> Finding:
    """Of times: a factor is of files that took turns in one run, so each run tells by itself.

    A run's own float32 file computes what the dense one does, zeros or not: the factor between
    these two is 1, and what it is off by is the error of the others. A dense network's file of the
    sparse kind leaves nothing out: what that gains is the kind's, and is not counted.
    """
    asked = f"{least:g} times as fast or more, sparse float32"
    timed = _timed(members)
    found = [run.metrics[_SPEED] for run in timed]
    controls = [run.metrics.get(_CONTROL, 1.0) for run in timed]
    if not found:
        return Finding(what, asked, NOT_RUN)
    ends = dict.fromkeys(f"{each:.2f}" for each in (min(found), max(found)))
    told = f"{' to '.join(ends)} times as fast, {count(len(found), 'run')}"
    off = max(max(each, 1 / each) for each in controls)
    if doubtful := sum(map(is_doubtful, timed)):
        told += f", times of {count(doubtful, 'run')} doubtful" if len(timed) > 1 else ", doubtful"
    if off > 1.02:
        told += f", that of equal files off by {off - 1:.0%}"
    kind = max([1.0, *(run.metrics[_SPEED] for run in _timed(dense))])
    if kind > 1.02:
        told += f", {kind:.2f} times by the kind of file alone"
    saved = min(found) / kind
    verdict = OPEN
    if saved / off >= least:
        verdict = HOLDS
    elif saved * off < least:
        verdict = FAILS
    return Finding(what, asked, verdict, found=told)


def _timed(rows: Sequence[Entry]) -> list[Run]:
    return [run for e in rows for run in e.runs if _SPEED in run.metrics]


def _line(check: Mapping[str, Any]) -> tuple[float, bool]:
    """The value that a difference has to be above (or, False, below)."""
    if "loses_at_most" in check:
        return -float(check["loses_at_most"]), True
    return 0.0, "gains" in check


def _asked(check: Mapping[str, Any]) -> str:
    if "lower_than" in check:
        return f"below {check['lower_than']}"
    if "loses_at_most" in check:
        small = f"{check['smaller']:g} times smaller, " if "smaller" in check else ""
        return f"{small}at most {check['loses_at_most']:g} lost"
    return "a gain" if "gains" in check else "a loss"


def _small(members: Sequence[Entry], times: float) -> bool:
    ratios = [e.reductions[_BYTES] for e in members if _BYTES in e.reductions]
    return bool(ratios) and min(ratios) >= times
