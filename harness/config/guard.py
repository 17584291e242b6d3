"""An allow-list for what a config may make Hydra import or call.

The harness's own config names its builders and never instantiates. Hydra itself does, for
launchers, sweepers, callbacks and logging, and says that its own block-list is no security
boundary. So every config that Hydra loads in this process, from overrides or from files, is
searched before anything acts on it. What stands where does not matter: an interpolation
could carry it to another place.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from omegaconf.grammar_parser import parse
from yaml import YAMLError

from harness.config.places import at_home
from harness.errors import ConfigError

#: What a `_target_` may name: launchers and sweepers, Hydra's own and those of its plugins.
#: Whole names, for a prefix would let `hydra_plugins.some.module.os.system` through.
TARGETS = re.compile(
    r"hydra\._internal\.core_plugins\.basic_(launcher\.BasicLauncher|sweeper\.BasicSweeper)"
    r"|hydra_plugins(\.[a-z0-9_]+)+\.[A-Za-z]*(Launcher|Sweeper)"
)
#: What a logging section may name as class or factory: the console's, none that writes files.
LOGGING = (
    "colorlog.ColoredFormatter",
    "logging.Formatter",
    "logging.NullHandler",
    "logging.StreamHandler",
)
#: The outside objects that a logging section may refer to.
STREAMS = ("ext://sys.stderr", "ext://sys.stdout")
#: The folders that Hydra writes to, and the part of their names that may come from elsewhere.
WRITTEN = ("hydra.run.dir", "hydra.sweep.dir")
_VARIABLE = re.compile(r"\$\{(now:[^{}]*|hydra[:.]job\.(num|id))\}")
#: What a launcher would run or call beside the cells, on a cluster.
COMMANDS = ("setup", "teardown", "python", "srun_args", "additional_parameters")
#: Interpolations that only give texts and numbers. Others make whole sections out of text.
RESOLVERS = ("hydra", "now", "oc.env", "python_version")
#: Whose config folders Hydra may look up as packages, which imports them.
PACKAGES = ("pkg://hydra.", "pkg://hydra_plugins.")


def install() -> None:
    """Makes every config that Hydra loads in this process pass the allow-list."""
    load, open_sources = ConfigLoaderImpl.load_configuration, ConfigRepository.initialize_sources
    if getattr(load, "guarded", False):
        return

    def load_guarded(self: ConfigLoaderImpl, *args: Any, **kwargs: Any) -> Any:
        try:
            config = load(self, *args, **kwargs)
        except (HydraException, OmegaConfBaseException, ConfigError):
            raise
        except (ValueError, YAMLError) as error:  # a group set to null, a file that is not YAML
            raise ConfigError(
                f"the config cannot be read: {' '.join(str(error).split())}"
            ) from None
        refuse_foreign(OmegaConf.to_container(config, resolve=False))
        return at_home(config)

    def open_guarded(self: ConfigRepository, config_search_path: Any) -> None:
        for entry in config_search_path.get_path():
            refuse_package(entry.path)
        open_sources(self, config_search_path)

    load_guarded.guarded = True  # type: ignore[attr-defined]
    ConfigLoaderImpl.load_configuration = load_guarded  # type: ignore[method-assign]
    ConfigRepository.initialize_sources = open_guarded  # type: ignore[method-assign]


def refuse_package(path: str) -> None:
    """Refuses a config folder that is a package of neither Hydra nor its plugins.

    Raises:
        ConfigError: names the folder.
    """
    if path.startswith("pkg:") and not path.startswith(PACKAGES):
        raise ConfigError(
            f"hydra.searchpath: received {path}; accepted: file://FOLDER (a config may not name "
            "packages to import)"
        )


def refuse_foreign(config: Any) -> None:
    """Refuses whatever could call code outside the allow-list.

    Args:
        config: a composed config as plain containers, unresolved, Hydra's section included.

    Raises:
        ConfigError: names the key, what it holds, and what is accepted.
    """
    for path, key, value in _entries(config, "", ""):
        text = value if isinstance(value, str) else ""
        if key == "_target_" and not TARGETS.fullmatch(text):
            raise _refusal(path, value, "a launcher or sweeper of Hydra or of a hydra_plugins one")
        if key in ("()", "class") and text not in LOGGING:
            raise _refusal(path, value, ", ".join(LOGGING))
        if text.startswith(("ext://", "cfg://")) and text not in STREAMS:
            raise _refusal(path, value, ", ".join(STREAMS))
        if path.startswith("hydra.job.env_set."):
            raise _refusal(path, value, "nothing: set variables in the shell")
        if re.fullmatch(rf"hydra\.launcher\.({'|'.join(COMMANDS)})(\W.*)?", path) and value:
            raise _refusal(path, value, "null, or nothing")
        for resolver in _resolvers(text):
            if resolver not in RESOLVERS:
                raise _refusal(path, value, f"interpolations with {', '.join(RESOLVERS)}")
    refuse_elsewhere(config)


def refuse_elsewhere(config: Any) -> None:
    """Refuses to let Hydra write outside the work folder.

    Args:
        config: a composed config as plain containers, unresolved.

    Raises:
        ConfigError: names the key, what it holds, and what is accepted.
    """
    hydra = config.get("hydra") or {}
    work = str(config.get("work_dir", ""))
    for key in WRITTEN:
        folder = _at(hydra, key)
        if folder is not None and not _is_within(str(folder), work):
            raise ConfigError(
                f"{key}: received {folder!r}; accepted: a folder in the work folder, "
                "${work_dir}/…, with ${now:…} and ${hydra.job.num} where it varies"
            )
    for key in ("hydra.sweep.subdir", "hydra.output_subdir"):
        below = _at(hydra, key)
        if below is not None and not _is_below(str(below)):
            raise ConfigError(
                f"{key}: received {below!r}; accepted: null, or a folder's name, with ${{now:…}} "
                "and ${hydra.job.num} where it varies"
            )


def _at(hydra: Any, key: str) -> Any:
    for name in key.split(".")[1:]:
        hydra = hydra.get(name) if isinstance(hydra, dict) else None
    return hydra


def _is_within(folder: str, work: str) -> bool:
    """Whether a folder, as it is written, lies in the work folder."""
    for start in ("${work_dir}", work):
        rest = folder.removeprefix(start)
        if start and rest != folder and rest[:1] in ("", "/"):
            return _is_below(rest.strip("/") or ".")
    return False


def _is_below(name: str) -> bool:
    """Whether a name, as it is written, leads from a folder to itself or one below."""
    plain = _VARIABLE.sub("x", name)
    parts = plain.split("/")
    return "$" not in plain and not plain.startswith(("/", "~")) and ".." not in parts


def _refusal(path: str, value: Any, accepted: str) -> ConfigError:
    return ConfigError(
        f"{path}: received {value!r}; accepted: {accepted} (a config may not make the harness "
        "call other code)"
    )


def _entries(value: Any, path: str, key: str) -> Iterator[tuple[str, str, Any]]:
    """Every leaf, and everything under a key that names code: (path, key, value)."""
    if isinstance(value, dict) and key not in ("_target_", "()", "class"):
        for name, item in value.items():
            yield from _entries(item, f"{path}.{name}" if path else str(name), str(name))
    elif isinstance(value, list) and key not in ("_target_", "()", "class"):
        for number, item in enumerate(value):
            yield from _entries(item, f"{path}[{number}]", "")
    else:
        yield path, key, value


@lru_cache(4096)
def _resolvers(text: str) -> tuple[str, ...]:
    """The resolvers that a text's interpolations call, as written."""
    if "${" not in text:
        return ()
    nodes, found = [parse(text)], []
    while nodes:
        node = nodes.pop()
        if type(node).__name__ == "InterpolationResolverContext":
            found.append(node.resolverName().getText())
        nodes.extend(getattr(node, "children", None) or ())
    return tuple(found)
