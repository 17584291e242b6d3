"""From Hydra overrides to a typed, validated cell; every refusal is one clear line."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import product
from pathlib import Path

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.config import guard
from harness.config.choices import choosing, swapped
from harness.config.explain import explain
from harness.config.schema import Config, register, rooms, typed
from harness.config.validate import check_data, validate
from harness.data.base import DatasetOptions
from harness.errors import ConfigError


def shipped(folder: str) -> Path:
    """The folder `conf`, `sweeps` or `published` as shipped: in the wheel, or in a checkout."""
    package = Path(__file__).resolve().parents[1]
    checkout = {"published": Path("results/published")}.get(folder, Path(folder))
    installed = package / folder
    return installed if installed.is_dir() else package.parent / checkout


@cache
def presets(group: str) -> tuple[str, ...]:
    """The names of a group's YAML presets."""
    return tuple(sorted(path.stem for path in (shipped("conf") / group).glob("*.yaml")))


@cache
def options(group: str) -> tuple[str, ...]:
    """The names that a config group accepts, e.g. `options("sparsity")`: presets and choices."""
    choices = next((room.names() for room, _ in rooms() if room.group == group), [])
    return tuple(sorted({*presets(group), *choices}))


def compose(overrides: Sequence[str] = ()) -> Config:
    """Composes and validates one cell.

    Args:
        overrides: Hydra overrides, e.g. `["sparsity=random", "sparsity.target=0.75"]`.

    Raises:
        ConfigError: an unknown key or name, a value of the wrong type or out of range,
            or a combination that no cell can have.
    """
    overrides = choosing(overrides)
    return to_config(_composed(overrides), overrides)


def compose_data(overrides: Sequence[str] = ()) -> DatasetOptions:
    """Composes and validates a data set alone, whatever model would go with it.

    Args:
        overrides: Hydra overrides, e.g. `["dataset=multi30k", "dataset.data_dir=multi30k"]`.

    Raises:
        ConfigError: an unknown key or name, or a value of the wrong type or out of range.
    """
    overrides = choosing(overrides)
    dataset = _typed(_composed(overrides), overrides).dataset
    check_data(dataset)
    return dataset


def _composed(overrides: Sequence[str]) -> DictConfig:
    register(presets)
    guard.install()
    try:
        with _hydra():
            return hydra_compose("config", overrides=list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error, options)) from None


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


def expand(overrides: Sequence[str]) -> list[list[str]]:
    """Splits `seed=1,2,3` into one list of overrides per combination, in Hydra's order.

    Raises:
        ConfigError: an override that Hydra's grammar does not read.
    """
    choices: list[list[str]] = []
    for text in overrides:
        try:
            override = OverridesParser.create().parse_override(text)
        except HydraException:
            raise ConfigError(f"{text!r} is not an override; accepted: KEY=VALUE") from None
        if override.is_discrete_sweep():
            key = override.get_key_element()
            choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        elif override.is_sweep_override():
            raise ConfigError(
                f"{text}: received a continuous range; accepted: values separated by commas, "
                "choice(…) or range(…)"
            )
        else:
            choices.append([text])
    return [list(combination) for combination in product(*choices)]


def to_config(composed: DictConfig, overrides: Sequence[str] = ()) -> Config:
    """The typed and validated cell of a composed config (Hydra's own section is ignored).

    Args:
        composed: by Hydra.
        overrides: those that it was composed with, in Hydra's form.

    Raises:
        ConfigError: as `compose`.
    """
    config = _typed(composed, overrides)
    validate(config, options)
    return config


def _typed(composed: DictConfig, overrides: Sequence[str]) -> Config:
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
        assert isinstance(plain, dict)
        given = {str(key): value for key, value in plain.items() if key != "hydra"}
        return typed(Config, given, swapped=swapped(overrides))
    except OmegaConfBaseException as error:
        raise ConfigError(explain(error, options)) from None
