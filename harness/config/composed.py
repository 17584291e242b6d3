"""What choices compose to, kept while a process lasts; values are set on it as Hydra sets them.

Hydra's tree of defaults takes nearly all the time of composing a config, and only the choices
(`model=…`, `sparsity/schedule=…`) decide it. Cells mostly differ in values (`seed=2`). So what the
choices alone give is composed once, and a cell's values are set on a copy by Hydra's own
function. Overrides of any other form, and all that is refused, are left to Hydra as a whole: its
refusals, and which of several comes first, stay what they are.
"""

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from harness.config import guard, kinds
from harness.config.folders import own, shipped
from harness.config.overrides import by_grammar, split
from harness.config.places import at_home
from harness.config.schema import GROUPS, rooms
from harness.errors import ConfigError

#: Composes overrides by Hydra, its own section included.
Whole = Callable[[Sequence[str]], DictConfig]


def composed(given: Sequence[str], whole: Whole) -> DictConfig:
    """A config from overrides, without Hydra's section.

    Args:
        given: in Hydra's grammar, one value each.
        whole: what composes them, if they must be composed as a whole.

    Raises:
        HydraException, OmegaConfBaseException, ConfigError: those of `whole`.
    """
    choices = tuple(filter(_chooses, given))
    values = [text for text in given if text not in choices]
    if all(map(_sets, values)):
        try:
            return _with_values(*_of_choices(choices, whole, _surroundings()), values)
        except (HydraException, OmegaConfBaseException, ConfigError):
            pass  # to be refused below
    return _parted(whole(given))[0]


def _chooses(text: str) -> bool:
    """Whether an override chooses a group's option by name."""
    prefix, key, value = split(text) or ("+", "", "")
    return not prefix and key.partition("@")[0] in _groups() and value.strip("'").isidentifier()


def _sets(text: str) -> bool:
    """Whether an override sets a key that holds a plain value in some choice."""
    prefix, key, _ = split(text) or ("+", "", "")
    if prefix or key in _groups() or key.startswith("hydra"):
        return False
    return bool(kinds.kinds(key)) and not kinds.is_section(key)


@cache
def _groups() -> tuple[str, ...]:
    return tuple(dict.fromkeys([*GROUPS, *(room.group for room, _ in rooms())]))


@lru_cache(256)
def _of_choices(
    choices: tuple[str, ...], whole: Whole, surroundings: object
) -> tuple[DictConfig, Any]:
    """What choices alone compose to, in these surroundings; and Hydra's section, plain."""
    return _parted(whole(choices))


def _parted(config: DictConfig) -> tuple[DictConfig, Any]:
    section = OmegaConf.to_container(config.hydra, resolve=False)
    with open_dict(config):
        del config["hydra"]
    return config, section


def _with_values(base: DictConfig, hydra: Any, values: Sequence[str]) -> DictConfig:
    """A copy with values, which passes the guard as a config from Hydra does."""
    config = copy.deepcopy(base)
    ConfigLoaderImpl._apply_overrides_to_config([by_grammar(text) for text in values], config)
    plain: Any = OmegaConf.to_container(config, resolve=False)
    guard.refuse_foreign({**plain, "hydra": hydra})
    at_home(config)
    OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    return config


def _surroundings() -> tuple[object, ...]:
    """What composing depends on beside its overrides: the presets as they are now, and `~`."""
    presets = [state for folder in (shipped("conf"), own()) for state in _presets(folder)]
    return os.path.expanduser("~"), *presets


def _presets(folder: Path | None) -> Iterator[object]:
    """The files of a folder of presets, each with what changes when it is written."""
    yield folder
    for group in ("", *_groups()) if folder else ():
        try:
            files = os.scandir(f"{folder}/{group}")
        except OSError:  # nothing of this group
            continue
        with files:
            found = ((file.name, file.stat()) for file in files if file.name.endswith(".yaml"))
            yield group, *sorted((name, at.st_mtime_ns, at.st_size) for name, at in found)
