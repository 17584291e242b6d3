"""What to do next: the commands that a finished command ends with, each one that works."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from harness.config import compose
from harness.config.folders import command
from harness.config.schema import TrackingOptions


def say_further(console: Console, tracking: TrackingOptions, report: str, table: str) -> None:
    """Prints how to see more of what an experiment holds.

    Args:
        console: where to.
        tracking: the store and the experiment of the runs.
        report: the command that writes their table.
        table: what that table is, in a few words.
    """
    look = command("ui", tracking.experiment, *_store(tracking))
    width = max(len(report), len(look))
    for line, what in ((report, table), (look, "every run in MLflow: metrics, models, plots")):
        console.print(f"  {line:{width}}    {what}", markup=False, soft_wrap=True)


def report_of_sweep(file: str, extra: Sequence[str], out: Path | None) -> str:
    """The command that writes a sweep's table again."""
    return command("report", file, *extra, *(["--out", str(out)] if out else []))


def report_of_cells(tracking: TrackingOptions) -> str:
    """The command that writes a table of all cells of an experiment."""
    return command("report", "--experiment", tracking.experiment, *_store(tracking))


def _store(tracking: TrackingOptions) -> list[str]:
    usual = compose().tracking.uri
    return [] if tracking.uri == usual else ["--uri", tracking.uri]
