"""From Hydra overrides to a typed, validated cell; every refusal is one clear line."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.config import guard
from harness.config.explain import explain
from harness.config.schema import SCHEMAS, Config, DatasetConfig, register
from harness.config.validate import check_data, validate
from harness.errors import ConfigError
from harness.options import one_of


def shipped(folder: str) -> Path:
    """The folder `conf`, `sweeps` or `published` as shipped: in the wheel, or in a checkout."""
    package = Path(__file__).resolve().parents[1]
    checkout = {"published": Path("results/published")}.get(folder, Path(folder))
    installed = package / folder
    return installed if installed.is_dir() else package.parent / checkout


@cache
def options(group: str) -> tuple[str, ...]:
    """The names that a config group accepts, e.g. `options("sparsity")`."""
    return tuple(sorted(path.stem for path in (shipped("conf") / group).glob("*.yaml")))


def compose(overrides: Sequence[str] = ()) -> Config:
    """Composes and validates one cell.

    Args:
        overrides: Hydra overrides, e.g. `["sparsity=random", "sparsity.target=0.75"]`.

    Raises:
        ConfigError: an unknown key or name, a value of the wrong type or out of range,
            or a combination that no cell can have.
    """
    return to_config(_composed(overrides))


def compose_data(overrides: Sequence[str] = ()) -> DatasetConfig:
    """Composes and validates a data set alone, whatever model would go with it.

    Args:
        overrides: Hydra overrides, e.g. `["dataset=multi30k", "dataset.data_dir=multi30k"]`.

    Raises:
        ConfigError: an unknown key or name, or a value of the wrong type or out of range.
    """
    dataset = _typed(_composed(overrides)).dataset
    one_of("dataset", dataset.name, options("dataset"))
    check_data(dataset)
    return dataset


def _composed(overrides: Sequence[str]) -> DictConfig:
    register()
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


def to_config(composed: DictConfig) -> Config:
    """The typed and validated cell of a composed config (Hydra's own section is ignored).

    Raises:
        ConfigError: as `compose`.
    """
    config = _typed(composed)
    validate(config, options)
    return config


def _typed(composed: DictConfig) -> Config:
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
        assert isinstance(plain, dict)
        plain.pop("hydra", None)
        # `+key=value` opens Hydra's structs, so the schema is applied once more, closed.
        typed = OmegaConf.merge(OmegaConf.structured(Config), _typed_groups(plain))
        config = OmegaConf.to_object(typed)
    except OmegaConfBaseException as error:
        raise ConfigError(explain(error, options)) from None
    assert isinstance(config, Config)
    return config


def _typed_groups(plain: dict[Any, Any]) -> DictConfig:
    schemas = SCHEMAS["model"]
    name = (plain.get("model") or {}).get("name")
    if name not in schemas:
        raise ConfigError(f"model={name} is unknown; accepted: {', '.join(options('model'))}")
    dataset = (plain.get("dataset") or {}).get("name")
    # A data set without options of its own has the common ones.
    common = SCHEMAS["dataset"]["dataset"]
    kinds = {"model": schemas[name], "dataset": SCHEMAS["dataset"].get(str(dataset), common)}
    # merged below their groups, so that an error names the whole key
    given = {group: plain[group] for group in kinds if group in plain}
    typed = OmegaConf.merge(
        {group: OmegaConf.structured(kind) for group, kind in kinds.items()}, given
    )
    return OmegaConf.merge(plain, typed)  # type: ignore[return-value]
