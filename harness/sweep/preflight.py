"""What only the built model can refuse, refused before the first cell spends anything.

A scope that matches no layer, a pattern that fits no shape, a batch larger than the data, a
strategy without its devices: without this a sweep would say so after its dense baseline.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.cell.job import Emit
from harness.cell.preview import summarize_planned
from harness.config import Config
from harness.errors import HarnessError
from harness.sweep import worker


def preflight(configs: Iterable[Config]) -> None:
    """Builds each distinct model once and lays each distinct pruner over it, in a process.

    Args:
        configs: validated; of the cells that are about to run.

    Raises:
        HarnessError: the first refusal, as the cell itself would have said it.
    """
    distinct = {_what_is_built(config): config for config in configs}
    job = worker.start(_check_all, (list(distinct.values()),), Path(os.devnull))
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


def _what_is_built(config: Config) -> str:
    parts = (config.model, config.dataset, config.sparsity, config.training, config.strategy)
    return repr(parts)
