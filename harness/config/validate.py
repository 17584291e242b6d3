"""What only the sections of a cell together can say: refused before any work starts.

What a section can say of itself is checked by its options.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from harness.config.names import need_name
from harness.config.schema import Config, TrackingOptions
from harness.data.base import DATASETS, DatasetOptions
from harness.errors import ConfigError
from harness.options import need, one_of

SCALES = ("small", "full")


def validate(config: Config, options: Callable[[str], Iterable[str]]) -> None:
    """Refuses a config that no cell can have.

    Args:
        config: a typed config.
        options: group -> the names it accepts.

    Raises:
        ConfigError: names the key, what was received and what is accepted.
    """
    _finite("", dataclasses.asdict(config))
    one_of("strategy.name", config.strategy.name, tuple(options("strategy")))
    one_of("scale", config.scale, SCALES)
    need("seed", config.seed, config.seed >= 0, "a whole number from 0 on")
    _task(config)
    config.model.check()
    check_data(config.dataset)
    config.sparsity.check(config.training.finetune.start)
    config.training.check()
    config.model.check_with(config.dataset)
    config.dataset.check_batch(config.training.batch_size)
    _compiled(config)
    config.strategy.check()
    _shares(config)
    _rounded(config)
    config.export.check(config.dataset)
    batch = config.evaluation.batch_size
    need("evaluation.batch_size", batch, batch is None or batch >= 1, "1 or more, or null")
    config.engine.check()
    _tracking(config.tracking)


def check_data(dataset: DatasetOptions) -> None:
    """Refuses a data set that no cell can have.

    Raises:
        ConfigError: names the key, what was received and what is accepted.
    """
    _finite("dataset", dataclasses.asdict(dataset))
    dataset.check()


def _task(config: Config) -> None:
    """Refuses a model that cannot take what the data set holds."""
    model, dataset = config.model, config.dataset
    if model.takes != dataset.holds:
        suited = [f"dataset={name}" for name, data in DATASETS if data.holds == model.takes]
        raise ConfigError(
            f"dataset: received {dataset.name} ({dataset.holds}) with model={model.name}; "
            f"accepted: {model.takes} ({', '.join(suited)})"
        )


def _finite(key: str, value: Any) -> None:
    """Refuses infinity and NaN wherever they stand: no setting means anything by them."""
    if isinstance(value, dict):
        for name, item in value.items():
            _finite(f"{key}.{name}" if key else name, item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _finite(f"{key}[{number}]", item)
    elif isinstance(value, float):
        need(key, value, math.isfinite(value), "a finite number")


def _compiled(config: Config) -> None:
    if config.training.jit_compile == "always" and config.strategy.name != "single":
        raise ConfigError(
            f"training.jit_compile: received 'always' with strategy={config.strategy.name}, whose "
            "devices XLA takes for one; accepted: auto, never"
        )


def _shares(config: Config) -> None:
    """What devices that share a batch cannot do, or one that takes it part by part."""
    strategy, parts = config.strategy.name, config.training.gradient_accumulation
    if strategy != "single":
        config.dataset.check_shared(f"strategy={strategy}", "strategy=single")
    elif parts is not None:
        key = "training.gradient_accumulation"
        config.dataset.check_shared(f"{key}={parts}", f"{key}=null")
    if strategy == "multi_worker" and not config.model.workers:
        raise ConfigError(
            f"strategy: received multi_worker with model={config.model.name}, whose validation is"
            " not shared among processes; accepted: single, mirrored"
        )


def _rounded(config: Config) -> None:
    """What cannot be trained with the rounding of 8-bit files."""
    key, kind = "training.finetune.quantize", config.training.finetune.quantize
    if kind is None:
        return
    if not config.dataset.real:
        raise ConfigError(
            f"{key}: received {kind} with dataset={config.dataset.name}; accepted: null there "
            "(8-bit integers are for classifiers of real numbers)"
        )
    if config.strategy.name != "single":
        raise ConfigError(
            f"{key}: received {kind} with strategy={config.strategy.name}, whose devices see "
            "ranges of their own; accepted: null, or strategy=single"
        )


def _tracking(tracking: TrackingOptions) -> None:
    """The experiment's name becomes a folder's beside an SQLite store."""
    need_name("tracking.experiment", tracking.experiment)
    uri = tracking.uri
    known = re.match(r"(sqlite:///.|https?://.|(postgresql|mysql|mssql)[+\w]*://.)", uri)
    accepted = "sqlite:///FILE, http://HOST:PORT or a database that MLflow reads"
    need("tracking.uri", uri, known is not None, accepted)
