"""What a type cannot say: names, ranges and combinations, refused before any work starts."""

import dataclasses
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from harness.config.export import check_export
from harness.config.images import check_images
from harness.config.models import check_model
from harness.config.names import need_name
from harness.config.recipe import XLA_PATTERNS, check_training
from harness.config.schema import Config, DatasetConfig, PairsConfig, StrategyConfig, TrackingConfig
from harness.config.sparsity import check_sparsity
from harness.config.speech import check_speech
from harness.config.tasks import check_task
from harness.config.text import check_fit, check_text
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
    groups = ("model", "dataset", "sparsity", "training", "strategy", "export", "tracking")
    for group in groups:
        one_of(f"{group}.name", getattr(config, group).name, tuple(options(group)))
    one_of("scale", config.scale, SCALES)
    need("seed", config.seed, config.seed >= 0, "a whole number from 0 on")
    check_task(config.model.name, config.dataset.name)
    check_model(config.model)
    check_data(config.dataset)
    check_sparsity(config.sparsity, config.training.finetune.start)
    check_training(config.training)
    check_fit(config.model, config.dataset, config.training.batch_size)
    _compiled(config)
    _strategy(config.strategy)
    _shares(config)
    check_export(config.export, config.dataset)
    _tracking(config.tracking)


def check_data(dataset: DatasetConfig) -> None:
    """Refuses a data set that no cell can have.

    Args:
        dataset: typed, of a known name.

    Raises:
        ConfigError: names the key, what was received and what is accepted.
    """
    _finite("dataset", dataclasses.asdict(dataset))
    check_speech(dataset)
    check_images(dataset)
    check_text(dataset)


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
    kind = config.sparsity.pattern.kind
    if config.training.jit_compile == "always" and kind not in XLA_PATTERNS:
        raise ConfigError(
            f"training.jit_compile: received 'always' with sparsity.pattern.kind={kind}, whose "
            "masks XLA cannot select; accepted: auto, never"
        )
    if config.training.jit_compile == "always" and config.strategy.name != "single":
        raise ConfigError(
            f"training.jit_compile: received 'always' with strategy={config.strategy.name}, whose "
            "devices XLA takes for one; accepted: auto, never"
        )


def _strategy(strategy: StrategyConfig) -> None:
    devices, virtual = strategy.devices, strategy.virtual_cpus
    need("strategy.devices", devices, devices is None or devices >= 1, "1 or more, or null for all")
    need("strategy.virtual_cpus", virtual, virtual >= 0, "0 or more")
    if strategy.name == "single" and (devices or 1) > 1:
        raise ConfigError(
            f"strategy.devices: received {devices} with strategy=single; accepted: 1, or "
            "strategy=mirrored"
        )
    if strategy.name != "single" and not strategy.synchronized_batch_norm and devices is None:
        raise ConfigError(
            "strategy.devices: received null with strategy.synchronized_batch_norm=false, whose "
            "results depend on their number; accepted: the number of devices of all processes"
        )


def _shares(config: Config) -> None:
    """What devices that share a batch cannot do."""
    by_tokens = isinstance(config.dataset, PairsConfig) and config.dataset.batch_by == "tokens"
    if config.strategy.name != "single" and by_tokens:
        raise ConfigError(
            f"dataset.batch_by: received tokens with strategy={config.strategy.name}, whose devices"
            " take equal shares of a batch; accepted: sentences, or strategy=single"
        )
    if config.strategy.name == "multi_worker" and config.model.name == "gnmt":
        raise ConfigError(
            "strategy: received multi_worker with model=gnmt, whose validation is not shared "
            "among processes; accepted: single, mirrored"
        )


def _tracking(tracking: TrackingConfig) -> None:
    """The experiment's name becomes a folder's beside an SQLite store."""
    need_name("tracking.experiment", tracking.experiment)
    uri = tracking.uri
    known = re.match(r"(sqlite:///.|https?://.|(postgresql|mysql|mssql)[+\w]*://.)", uri)
    accepted = "sqlite:///FILE, http://HOST:PORT or a database that MLflow reads"
    need("tracking.uri", uri, known is not None, accepted)
