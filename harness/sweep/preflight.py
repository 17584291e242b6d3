"""What only the built model can refuse, refused before the first cell spends anything.

A scope that matches no layer, a pattern that fits no shape, a batch larger than the data, a
strategy without its devices: without this a sweep would say so after its dense baseline.
"""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.cell.description import summarize_planned
from harness.cell.job import Emit
from harness.config import Config
from harness.errors import HarnessError
from harness.sweep import worker
from harness.sweep.gpu_places import HIDDEN


def preflight(configs: Iterable[Config], gpus: int = 0) -> None:
    """Builds each distinct model once and lays each distinct pruner over it, in a process.

    The process opens no GPU, for cells may need all of one: parts of the CPU stand for them.

    Args:
        configs: validated; of the cells that are about to run.
        gpus: how many GPUs the cells will have between them.

    Raises:
        HarnessError: the first refusal, as the cell itself would have said it.
    """
    distinct = {what_is_built(config): config for config in configs}
    rehearsed = [on_cpu(config, gpus) for config in distinct.values()]
    job = worker.start(_check_all, (rehearsed,), Path(os.devnull), HIDDEN)
    try:
        while True:
            for _, news in worker.poll([job], timeout=1.0):
                if isinstance(news, dict):
                    continue
                if news.status == "refused":
                    raise HarnessError(news.message)
                if news.status == "interrupted":
                    raise KeyboardInterrupt
                return  # a defect of ours is for the cell to meet: it keeps a log
    finally:
        worker.stop([job])


def _check_all(configs: list[Config], emit: Emit) -> None:
    built: dict[str, Any] = {}
    for config in configs:
        summarize_planned(config, built)


def on_cpu(config: Config, gpus: int) -> Config:
    """The cell with a part of the CPU for each GPU that it would share a batch among."""
    if config.strategy.name == "single" or config.strategy.virtual_cpus or not gpus:
        return config
    strategy = dataclasses.replace(config.strategy, virtual_cpus=gpus)
    return dataclasses.replace(config, strategy=strategy)


def what_is_built(config: Config) -> str:
    """Cells of which this is the same have the same model under the same pruner."""
    parts = (config.model, config.dataset, config.sparsity, config.training, config.strategy)
    return repr(parts)
