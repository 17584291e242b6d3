"""`results/README.md`: the tables read honestly, statement by statement."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.report.latency_notes import is_doubtful
from harness.report.notes import CONFLICT
from harness.report.plot_names import against
from harness.report.report import ReportResult
from harness.report.statements import FAILS, HOLDS, NOT_RUN, VERDICTS, Statement, judge
from harness.report.words import count

_HEAD = """\
# What was measured

Every number here is computed from the runs under `runs/` by `harness report --from results/runs`,
which also writes this page. All of it is at small scale: small networks on small data sets, so what
the guide says of ImageNet and WMT16 is tested in kind, not in size.

A statement **holds** where the 90 % interval of the difference lies on its side of the margin (two
one-sided tests at 5 %; seeds and, where runs say what they answered, test examples both count;
speakers, each tested on its own, vary by both already), **does not hold** where it lies on the
other side, and otherwise **cannot be told**; then it says how many seeds, or how many times as many
test examples, or both, would tell in four tries of five, were the spread what it is here.
Differences are in points, from the control (the dense network fine-tuned alike at 0 %), from the
dense network where cells train from scratch, or from the rows that a check names. That networks are
so many times as fast holds where they are in each run that was timed: its files took turns with the
dense float32 one, and what a dense network's file of that kind gains is taken off; a run is
doubtful where other work or a wide spread was noticed. Training took place beside other work:
seconds compare nothing.
"""


#: What a check asks for -> what the plot that shows it has quality against.
_COSTS = {"smaller": "bytes", "faster": "latency"}


def to_reading(statements: Path, results: Mapping[str, ReportResult]) -> str:
    """Writes the page.

    Args:
        statements: what to judge.
        results: the tables written, by name.

    Raises:
        ReportError: the statements cannot be read.
    """
    judged = judge(statements, {name: result.table for name, result in results.items()})
    parts = [_HEAD, _summary(judged), _measured(results)]
    parts += [_section(each, results.get(each.table)) for each in judged]
    return "\n".join(parts)


def _summary(judged: Sequence[Statement]) -> str:
    lines = ["| statement | verdict |", "|---|---|"]
    lines += [f"| {each.text} | {each.verdict} |" for each in judged]
    counts = Counter(each.verdict for each in judged)
    said = ", ".join(_so_many(counts[each], each) for each in VERDICTS if counts[each])
    return "\n".join([*lines, "", f"Of {len(judged)} statements: {said}.", ""])


def _so_many(number: int, verdict: str) -> str:
    """`2 hold`, where one holds."""
    plural = {HOLDS: "hold", FAILS: "do not hold", NOT_RUN: "are not measured yet"}
    return f"{number} {verdict if number == 1 else plural.get(verdict, verdict)}"


def _measured(results: Mapping[str, ReportResult]) -> str:
    lines = ["## What is there, and what is missing", ""]
    for name, result in results.items():
        entries = result.table.entries
        runs = sum(len(entry.runs) for entry in entries)
        planned = sum(max(len(entry.spec.seeds), len(entry.runs)) for entry in entries)
        conflicts = [note for note in result.notes if note.startswith(CONFLICT)]
        flagged = f"; {count(len(conflicts), 'conflict')}" if conflicts else ""
        doubtful = sum(is_doubtful(run) for entry in entries for run in entry.runs)
        flagged += f"; times of {count(doubtful, 'run')} doubtful" if doubtful else ""
        lines.append(f"- [{name}]({name}.md): {runs} of {planned} cells{flagged}")
    return "\n".join([*lines, ""])


def _section(statement: Statement, result: ReportResult | None) -> str:
    lines = [f"## {statement.text}: {statement.verdict}", "", f"The guide: {statement.page}.", ""]
    lines += [f"- {finding.text}" for finding in statement.findings]
    if not statement.findings:
        lines.append("- nothing that is committed measures it")
    plots = [path.name for path in result.paths if path.suffix == ".svg"] if result else []
    cost = next((_COSTS[each] for each in statement.asked if each in _COSTS), "sparsity")
    chosen = [name for name in plots if against(cost) in name][:1]
    lines += ["", f"![{statement.text}]({chosen[0]})"] if chosen else []
    return "\n".join([*lines, ""])
