"""What only the built model can refuse, refused before the first cell spends anything.

A scope that matches no layer, a pattern that fits no shape, a batch larger than the data, a
strategy without its devices: without this a sweep would say so after its dense baseline.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import data, worker
from harness.config import Config, is_dense
from harness.errors import HarnessError
from harness.worker import Emit

if TYPE_CHECKING:
    from harness.pruning import Summary


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


def summarize_planned(config: Config, built: dict[str, Any] | None = None) -> "Summary":
    """Every weight of a cell's model as its pruner would leave it, without training.

    Args:
        config: validated.
        built: data and models by what they are made of, to make each once.

    Raises:
        HarnessError: see `preflight`.
    """
    from harness import tasks
    from harness.models.weights import load_file
    from harness.pruning.from_config import from_config, summarize
    from harness.training import recipe, strategy

    task = tasks.of(config)
    task.require()
    built = {} if built is None else built
    weights = config.training.dense_weights
    of_data = f"{config.dataset}"
    key = f"{config.model}/{of_data}/{weights}"
    with strategy.rehearsal(config.strategy, config.training.batch_size):
        if of_data not in built:
            built[of_data] = data.load(config.dataset)
        examples = built[of_data]
        if key not in built:
            built[key] = task.build(config, examples)
            if weights is not None:
                load_file(built[key], weights)
        model = built[key]
        phase = config.training.dense if is_dense(config) else config.training.finetune
        steps_per_epoch = examples.steps_per_epoch(config.training.batch_size)
        steps = recipe.length(phase, steps_per_epoch).total_steps
        pruner = from_config(config.sparsity, steps, config.seed)
        return summarize(model, None) if pruner is None else pruner.preview(model)


def _check_all(configs: list[Config], emit: Emit) -> None:
    built: dict[str, Any] = {}
    for config in configs:
        summarize_planned(config, built)


def _what_is_built(config: Config) -> str:
    parts = (config.model, config.dataset, config.sparsity, config.training, config.strategy)
    return repr(parts)
