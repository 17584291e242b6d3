"""Cells that ended for want of memory: told as such, and run again alone."""

from collections.abc import Iterable, Mapping
from typing import Any

from harness.cell.cell import Cell
from harness.cell.job import Outcome
from harness.sweep.foreseen import Foreseen


class Starved:
    """Keeps what cells said of their memory before they were ended (`harness.cell.memory`)."""

    def __init__(self, foreseen: Mapping[str, Foreseen] | None = None) -> None:
        """Takes what is foreseen of cells, by their ids."""
        self._foreseen = foreseen or {}
        self._said: dict[str, Mapping[str, Any]] = {}
        self._alone: set[str] = set()

    def heard(self, cell: Cell, event: Mapping[str, Any]) -> bool:
        """Whether an event is word of memory, which is then taken down."""
        if event["kind"] != "memory":
            return False
        self._said[cell.id] = event
        return True

    def may_start(self, cell: Cell, running: Iterable[Cell]) -> bool:
        """Whether a cell may run beside these: one that starved runs alone."""
        others = {each.id for each in running}
        return not others or (cell.id not in self._alone and not others & self._alone)

    def tried_alone(self, cell: Cell, beside: bool) -> bool:
        """Whether a cell that has failed is to run again, alone, which it then may once.

        Args:
            cell: that has failed.
            beside: whether others ran beside it.
        """
        if cell.id not in self._said or cell.id in self._alone or not beside:
            return False
        self._alone.add(cell.id)
        del self._said[cell.id]
        return True

    def told(self, cell: Cell, outcome: Outcome) -> Outcome:
        """The outcome, with what is known of the memory of a cell that failed."""
        said = self._said.get(cell.id)
        if said is None or outcome.status != "failed":
            return outcome
        had, of = said["bytes"] / 1e9, said["total"] / 1e9
        more, parts = "asked for more", "training.gradient_accumulation=2 (a batch in two parts)"
        foreseen = self._foreseen.get(cell.id)
        if foreseen is not None:
            more = f"a step was foreseen to hold {foreseen.bytes / 1e9:.1f} GB"
            if foreseen.parts is not None and foreseen.bytes_in_parts is not None:
                held = f"{foreseen.bytes_in_parts / 1e9:.1f} GB"
                parts = f"training.gradient_accumulation={foreseen.parts} (a step holds {held})"
        message = (
            f"out of memory: it had {had:.1f} of {of:.1f} GB and {more}; accepted: {parts}, "
            f"a training.batch_size below {cell.config.training.batch_size}, or more memory"
        )
        return Outcome("failed", value={"host_bytes": said["bytes"]}, message=message)
