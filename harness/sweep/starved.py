"""Cells that ended for want of memory: told as such, and run again alone."""

import signal
import time
from collections.abc import Iterable, Mapping
from typing import Any

from harness.cell.cell import Cell
from harness.cell.job import Outcome
from harness.data.space import killings, total
from harness.sweep.foreseen import Foreseen

#: Seconds for which a cell counts as beside one that has ended: of several that take the last
#: memory at once, each is heard of for itself.
_BESIDE = 3.0


class Starved:
    """Keeps what cells said of their memory before they were ended (`harness.cell.memory`)."""

    def __init__(self, foreseen: Mapping[str, Foreseen] | None = None) -> None:
        """Takes what is foreseen of cells, by their ids."""
        self._foreseen = foreseen or {}
        self._said: dict[str, Mapping[str, Any]] = {}
        self._alone: set[str] = set()
        self._killings = killings()
        #: When others were last seen beside a cell, and which.
        self._beside: dict[str, tuple[float, set[str]]] = {}

    def look(self, running: Iterable[Cell]) -> None:
        """Takes down which cells run beside each other now."""
        ids = {cell.id for cell in running}
        if len(ids) > 1:
            self._beside |= {each: (time.monotonic(), ids - {each}) for each in ids}

    def heard(self, cell: Cell, event: Mapping[str, Any]) -> bool:
        """Whether an event is word of memory, which is then taken down."""
        if event["kind"] != "memory":
            return False
        self._said[cell.id] = event
        return True

    def killed(self, cell: Cell, number: signal.Signals) -> None:
        """Takes down that a cell was killed, which may be for want of memory.

        The kernel says so to nobody, but counts whom it ends. A process that is given none ends
        itself by another signal; then it is so where more than there is was foreseen.
        """
        ran = [self._foreseen.get(each) for each in (cell.id, *self._others(cell))]
        held = sum(one.bytes for one in ran if one is not None)
        by_kernel = number == signal.SIGKILL and killings() > self._killings
        if by_kernel:
            self._killings += 1  # of several, each is one
        if cell.id not in self._said and (by_kernel or held > total()):
            ended = "the kernel ended its process"
            self._said[cell.id] = {
                "ended": ended if by_kernel else f"its process was killed by {number.name}"
            }

    def _others(self, cell: Cell) -> set[str]:
        """The cells that have run beside one until it ended."""
        at, others = self._beside.get(cell.id, (float("-inf"), set()))
        return others if time.monotonic() - at < _BESIDE else set()

    def may_start(self, cell: Cell, running: Iterable[Cell]) -> bool:
        """Whether a cell may run beside these: one that starved runs alone."""
        others = {each.id for each in running}
        return not others or (cell.id not in self._alone and not others & self._alone)

    def tried_alone(self, cell: Cell) -> bool:
        """Whether a cell that starved beside others is to run again, alone, which it may once."""
        if cell.id not in self._said or cell.id in self._alone or not self._others(cell):
            return False
        self._alone.add(cell.id)
        del self._said[cell.id]
        return True

    def told(self, cell: Cell, outcome: Outcome) -> Outcome:
        """The outcome, with what is known of the memory of a cell that failed."""
        said = self._said.get(cell.id)
        if said is None or outcome.status != "failed":
            return outcome
        had, more = said.get("ended"), ""
        if had is None:
            had = f"it had {said['bytes'] / 1e9:.1f} of {said['total'] / 1e9:.1f} GB"
            more = " and asked for more"
        parts = "training.gradient_accumulation=2 (a batch in two parts)"
        foreseen = self._foreseen.get(cell.id)
        if foreseen is not None:
            more = f" and a step was foreseen to hold {foreseen.bytes / 1e9:.1f} GB"
            if foreseen.parts is not None and foreseen.bytes_in_parts is not None:
                held = f"{foreseen.bytes_in_parts / 1e9:.1f} GB"
                parts = f"training.gradient_accumulation={foreseen.parts} (a step holds {held})"
        message = (
            f"out of memory: {had}{more}; accepted: {parts}, "
            f"a training.batch_size below {cell.config.training.batch_size}, or more memory"
        )
        return Outcome("failed", value={"host_bytes": said.get("bytes")}, message=message)
