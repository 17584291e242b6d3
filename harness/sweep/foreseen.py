"""The memory that cells need, foreseen before any of them runs, in a process of its own.

What is built to know it goes with that process, which opens no GPU.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.cell.cell import Cell
from harness.cell.description import planned_memory
from harness.cell.job import Emit
from harness.config import Config
from harness.errors import HarnessError
from harness.sweep import worker
from harness.sweep.gpu_places import HIDDEN
from harness.sweep.preflight import on_cpu, what_is_built
from harness.training import strategy

#: How many ways to compute a batch in parts are traced, at most.
_TRIES = 4


@dataclass(frozen=True)
class Foreseen:
    """What a training step of a cell holds.

    Attributes:
        bytes: at once, at most.
        parts: the least `training.gradient_accumulation` with which it fits; None if it fits as
            it is, or no such number was found, or nobody knows how much there is.
        bytes_in_parts: what it holds then.
    """

    bytes: int
    parts: int | None = None
    bytes_in_parts: int | None = None


def foresee(cells: Iterable[Cell], limit: float | None, gpus: int = 0) -> dict[str, Foreseen]:
    """What each cell needs, by its id; those whose graph does not tell are left out.

    Args:
        cells: planned.
        limit: the bytes that there are; None if nobody knows.
        gpus: how many GPUs the cells will have between them.
    """
    asked = [(cell.id, on_cpu(cell.config, gpus)) for cell in cells]
    job = worker.start(_foresee_all, (asked, limit), Path(os.devnull), HIDDEN)
    found: dict[str, Foreseen] = {}
    try:
        while True:
            for _, news in worker.poll([job], timeout=1.0):
                if isinstance(news, dict):
                    found[news["cell"]] = news["foreseen"]
                elif news.status == "interrupted":
                    raise KeyboardInterrupt
                else:  # a defect of ours costs what it would have told, no more
                    return found
    finally:
        worker.stop([job])


def _foresee_all(asked: Sequence[tuple[str, Config]], limit: float | None, emit: Emit) -> None:
    built: dict[str, Any] = {}
    known: dict[str, Foreseen | None] = {}
    for cell, config in asked:
        key = what_is_built(config)
        if key not in known:
            known[key] = None
            with suppress(HarnessError):  # the cell itself will say it
                known[key] = _foreseen(config, limit, built)
        if known[key] is not None:
            emit({"kind": "foreseen", "cell": cell, "foreseen": known[key]})


def _foreseen(config: Config, limit: float | None, built: dict[str, Any]) -> Foreseen | None:
    whole = planned_memory(config, built)
    if whole.total is None or whole.activations is None:
        return None
    if limit is None or whole.total <= limit:
        return Foreseen(whole.total)
    kept = whole.total - whole.activations
    tried = 0
    for parts in _parts(config):
        # what is held for each example falls with the parts, and all else does not
        if kept + whole.activations * config.training.parts / parts > limit:
            continue
        training = replace(config.training, gradient_accumulation=parts)
        total = planned_memory(replace(config, training=training), built).total
        if total is not None and total <= limit:
            return Foreseen(whole.total, parts, total)
        tried += 1
        if tried == _TRIES:
            break
    return Foreseen(whole.total)


def _parts(config: Config) -> Iterator[int]:
    """The numbers of parts that a batch can be computed in, beyond those that it is."""
    batch, devices = config.training.batch_size, strategy.replicas(config.strategy)
    for parts in range(max(2, config.training.parts + 1), batch // devices + 1):
        if batch % parts == 0 and batch // parts % devices == 0:
            yield parts
