"""Draws a running plan in the terminal: cells done, the cell under way, time left."""

import time
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from harness import metrics
from harness.cell.cell import Cell
from harness.cell.job import Outcome
from harness.config import Config, is_dense, phase_of

#: What a cell that trains nothing weighs beside an epoch: an evaluation.
MEASURED = 0.1


class ProgressView:
    """A `Listener` that draws; a context manager, so that the terminal is left in order."""

    def __init__(
        self, cells: Sequence[Cell], console: Console, train: Collection[Cell] | None = None
    ):
        """Shows `cells`, of which those of `train` (all, if not said) train, others do not."""
        self._console = console
        training = {cell.id for cell in (cells if train is None else train)}
        self._length = {c.id: length(c.config) if c.id in training else MEASURED for c in cells}
        self._done = {cell.id: 0.0 for cell in cells}  # fraction of each cell
        self._metrics: dict[str, dict[str, float]] = {}
        self._tasks: dict[str, TaskID] = {}
        self._warned: set[str] = set()
        self._began = 0.0
        self._bar = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )

    def __enter__(self) -> "ProgressView":
        self._began = time.monotonic()
        self._bar.start()
        total = len(self._length)
        self._all = self._bar.add_task("cells", total=total, unit="cells", note="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def started(self, cell: Cell) -> None:
        """Shows the cell's own bar, a new one if it runs again."""
        self._remove(cell)
        self._tasks[cell.id] = self._bar.add_task(
            escape(cell.name), total=None, unit="", note="[dim]starting"
        )

    def event(self, cell: Cell, event: Mapping[str, Any]) -> None:
        """Moves the bars; a warning, which may come of every cell, is written once."""
        if event["kind"] == "warning":
            if event["text"] not in self._warned:
                self._warned.add(event["text"])
                text = f"[bold red]WARNING:[/] {escape(event['text'])}"
                self._console.print(text, soft_wrap=True)
            return
        task = self._tasks[cell.id]
        if event["kind"] == "stage":
            self._bar.update(task, note=f"[dim]{event['stage']}")
            return
        values = self._metrics.setdefault(cell.id, {})
        values.update(event["metrics"])
        shown = " ".join(f"{m.name} {v:.4g}" for m, v in metrics.present(metrics.BAR, values))
        self._done[cell.id] = event["step"] / event["total_steps"]
        self._bar.update(
            task,
            completed=event["step"],
            total=event["total_steps"],
            unit=f"steps, epoch {event['epoch']:.3g}/{event['epochs']:.3g}",
            note=shown,
        )
        self._bar.update(self._all, note=self._time_left())

    def waiting(self, cell: Cell) -> None:
        """Says that another process has the cell."""
        self._remove(cell)
        self._bar.update(self._all, note=f"[dim]{escape(cell.name)}: another process is running it")

    def ended(self, cell: Cell, outcome: Outcome) -> None:
        """Writes the cell's line above the bars."""
        self._remove(cell)
        self._done[cell.id] = 1.0
        if outcome.status == "done":
            values = outcome.value.get("metrics", {})
            shown = "  ".join(f"{key} {value:.4f}" for key, value in values.items())
            self._console.print(f"[green]✓[/] {escape(cell.name)}  [dim]{shown}", soft_wrap=True)
        else:
            self._console.print(
                f"[red]✗[/] {escape(cell.name)}: {outcome.status}: {escape(outcome.message)}",
                soft_wrap=True,
            )
        self._bar.advance(self._all)
        self._bar.update(self._all, note=self._time_left())

    def _remove(self, cell: Cell) -> None:
        task = self._tasks.pop(cell.id, None)
        if task is not None:
            self._bar.remove_task(task)

    def _time_left(self) -> str:
        done = sum(self._length[cell] * part for cell, part in self._done.items())
        left = sum(self._length.values()) - done
        if done == 0 or left <= 0:
            return ""
        seconds = (time.monotonic() - self._began) / done * left
        return f"[cyan]about {clock(seconds)} left"


def length(config: Config) -> float:
    """How long a cell trains, to weigh it against the others of its plan: epochs or steps."""
    if is_dense(config) and config.training.dense_weights is not None:
        return MEASURED
    phase = phase_of(config)
    return float(phase.epochs or phase.steps or 1)


def clock(seconds: float) -> str:
    """A time as people say it.

    Example:
        >>> clock(8), clock(754), clock(93_784)
        ('8 s', '12 min 34 s', '26 h 3 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"
