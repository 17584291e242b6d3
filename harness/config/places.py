"""Places in a config, whoever wrote them and wherever: `~` at the beginning is the home folder.

A store's URI loses its password here, before Hydra writes a config into a file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from harness.config import credentials, kinds

_SQLITE = "sqlite:///"


def at_home(composed: DictConfig) -> DictConfig:
    """Puts the home folder where a place begins with `~`, in place; returns the config.

    `tracking.uri` is left without a user and a password.
    """
    plain = OmegaConf.to_container(composed, resolve=False)
    for key, text in _texts(plain, ""):
        if key == "tracking.uri":
            (public,) = credentials.taken_from([text])
            if public != text:
                OmegaConf.update(composed, key, public)
        start = _SQLITE if text.startswith(_SQLITE) else ""
        path = text.removeprefix(start)
        if path.startswith("~") and (start or kinds.is_place(key)):
            OmegaConf.update(composed, key, start + _expanded(path))
    return composed


def _expanded(path: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError:  # no such user: a folder that is called so
        return path


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            if name != "hydra":
                yield from _texts(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, str):
        yield key, value
