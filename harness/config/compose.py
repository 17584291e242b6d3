"""From Hydra overrides to a typed, validated cell; every refusal is one clear line."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.config import guard
from harness.config.choices import swapped
from harness.config.composed import composed
from harness.config.explain import refusal, unknown_name
from harness.config.folders import own, preset_files, shipped
from harness.config.overrides import for_hydra, quoted, single, split
from harness.config.schema import GROUPS, Config, register, rooms, typed
from harness.config.validate import check_data, validate
from harness.data.base import DatasetOptions
from harness.errors import ConfigError
from harness.options import Room


def presets(group: str) -> tuple[str, ...]:
    """The names of a group's YAML presets."""
    return tuple(sorted(file.stem for file in preset_files(group)))


def options(group: str) -> tuple[str, ...]:
    """The names that a config group accepts, e.g. `options("sparsity")`: presets and choices."""
    room = _rooms().get(group)
    return tuple(sorted({*presets(group), *(room.names() if room else ())}))


@cache
def _rooms() -> dict[str, Room]:
    return {room.group: room for room, _ in rooms()}


def compose(overrides: Sequence[str] = ()) -> Config:
    """Composes and validates one cell.

    Args:
        overrides: Hydra overrides, e.g. `["sparsity=random", "sparsity.target=0.75"]`.

    Raises:
        ConfigError: an unknown key or name, a value of the wrong type or out of range,
            or a combination that no cell can have.
    """
    return to_config(_composed(overrides), overrides)


def require_composable(overrides: Sequence[str]) -> None:
    """Refuses what Hydra itself can make no config of; what is in it is not looked at.

    Raises:
        ConfigError: an unknown key or name.
    """
    _composed(overrides)


def compose_data(overrides: Sequence[str] = ()) -> DatasetOptions:
    """Composes and validates a data set alone, whatever model would go with it.

    Args:
        overrides: Hydra overrides, e.g. `["dataset=multi30k", "dataset.data_dir=multi30k"]`.

    Raises:
        ConfigError: an unknown key or name, or a value of the wrong type or out of range.
    """
    dataset = _typed(_composed(overrides), overrides).dataset
    check_data(dataset)
    return dataset


def _composed(overrides: Sequence[str]) -> DictConfig:
    _register(own())
    guard.install()
    given = [single(text) for text in overrides]
    _refuse_unknown_names(given)
    try:
        return composed(given, _by_hydra)
    except (HydraException, OmegaConfBaseException) as error:
        raise refusal(error, options, overrides) from None


def _by_hydra(given: Sequence[str]) -> DictConfig:
    with _hydra():
        return hydra_compose("config", [*own_folder(), *given], return_hydra_config=True)


@cache
def _register(folder: Path | None) -> None:
    """Registers the schema once for each folder of presets: it takes a fifth of composing."""
    register(presets)


def own_folder() -> list[str]:
    """The override by which Hydra finds the user's own presets, if there are any."""
    folder = own()
    return [for_hydra(f"hydra.searchpath=[{quoted(f'file://{folder}')}]")] if folder else []


def _refuse_unknown_names(overrides: Sequence[str]) -> None:
    """Hydra would read `sparsity=0.5` as a number, and say no more than that it wants a text."""
    for prefix, key, value in filter(None, map(split, overrides)):
        name = value.strip("'\"")
        schema = name.startswith("schema/")  # a bare schema, which Hydra finds, too
        if not (prefix or schema) and key in GROUPS and name not in options(key):
            raise ConfigError(unknown_name(key, name, options(key)))


@contextmanager
def _hydra() -> Iterator[None]:
    """A Hydra of our own, whatever the caller has initialised (hydra.main keeps its own)."""
    state = GlobalHydra.instance().hydra
    GlobalHydra.instance().hydra = None
    try:
        with initialize_config_dir(str(shipped("conf")), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = state


def to_config(composed: DictConfig, overrides: Sequence[str] = ()) -> Config:
    """The typed and validated cell of a composed config (Hydra's own section is ignored).

    Args:
        composed: by Hydra.
        overrides: those that it was composed with.

    Raises:
        ConfigError: as `compose`.
    """
    config = _typed(composed, overrides)
    validate(config, options)
    return config


def recompose(content: Mapping[str, Any], overrides: Sequence[str] = ()) -> Config:
    """The cell whose resolved config a run has kept.

    Args:
        content: as plain values.
        overrides: dotted keys to change, such as where its data are now.

    Raises:
        ConfigError: as `compose`; or an override that would make a choice anew.
    """
    for override in overrides:
        if "." not in override.partition("=")[0]:
            raise ConfigError(
                f"received {override} with a run, whose choices are made; accepted: dotted keys, "
                "such as dataset.data_dir=FOLDER"
            )
    _register(own())
    merged = OmegaConf.merge(OmegaConf.create(dict(content)), OmegaConf.from_dotlist([*overrides]))
    assert isinstance(merged, DictConfig)
    return to_config(merged, overrides)


def _typed(composed: DictConfig, overrides: Sequence[str]) -> Config:
    given: dict[str, Any] = {}
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
        assert isinstance(plain, dict)
        given = {str(key): value for key, value in plain.items() if key != "hydra"}
        return typed(Config, given, swapped=swapped(overrides))
    except OmegaConfBaseException as error:
        raise refusal(error, options, overrides, given) from None
