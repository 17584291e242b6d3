"""An allow-list for what Hydra may instantiate.

The harness's own config names its builders and never instantiates. Hydra itself does, for
launchers, sweepers, callbacks and logging, and says that its own block-list is no security
boundary. So every config that Hydra loads is searched, before anything acts on it, for
targets outside Hydra's own packages and its launcher and sweeper plugins.
"""

from collections.abc import Iterator
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import OmegaConf

from harness.errors import ConfigError

#: What a `_target_` may name: Hydra's launchers and sweepers, and those of its plugins.
TARGETS = ("hydra._internal.core_plugins.", "hydra_plugins.")
#: What a logging section may name as class, factory or external object.
LOGGING = ("logging.", "colorlog.", "ext://sys.")


def install() -> None:
    """Makes every config that Hydra loads in this process pass `refuse_foreign_targets`."""
    load = ConfigLoaderImpl.load_configuration
    if getattr(load, "guarded", False):
        return

    def load_guarded(self: ConfigLoaderImpl, *args: Any, **kwargs: Any) -> Any:
        overrides = kwargs.get("overrides") or (args[1] if len(args) > 1 else [])
        refuse_package_search_paths(overrides)
        config = load(self, *args, **kwargs)
        refuse_foreign_targets(OmegaConf.to_container(config, resolve=False))
        return config

    load_guarded.guarded = True  # type: ignore[attr-defined]
    ConfigLoaderImpl.load_configuration = load_guarded  # type: ignore[method-assign]


def refuse_package_search_paths(overrides: list[str]) -> None:
    """Refuses `hydra.searchpath=[pkg://…]`: looking a package up imports it.

    Raises:
        ConfigError: names the override.
    """
    for override in overrides:
        if "hydra.searchpath" in override and "pkg://" in override:
            raise ConfigError(
                f"{override}: a config may not name packages to import; accepted: file://FOLDER"
            )


def refuse_foreign_targets(config: Any) -> None:
    """Refuses targets outside the allow-list, wherever in the config they stand.

    Args:
        config: a composed config as plain containers, Hydra's section included.

    Raises:
        ConfigError: names the key, what it names, and what is accepted.
    """
    for key, name in _named_callables(config, "", logging=False):
        accepted = LOGGING if ".job_logging" in key or ".hydra_logging" in key else TARGETS
        if not isinstance(name, str) or not name.startswith(accepted):
            raise ConfigError(
                f"{key}: received {name!r}; accepted: names that start with "
                f"{' or '.join(accepted)} (a config may not make the harness call other code)"
            )


def _named_callables(value: Any, path: str, logging: bool) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            here = f"{path}.{key}" if path else str(key)
            in_logging = logging or here in ("hydra.job_logging", "hydra.hydra_logging")
            if key == "_target_" or (in_logging and key in ("()", "class")):
                yield here, item
            else:
                yield from _named_callables(item, here, in_logging)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _named_callables(item, f"{path}[{number}]", logging)
    elif logging and isinstance(value, str) and value.startswith("ext://"):
        yield path, value
