"""`~` at the beginning of a folder or file is the home folder, whoever wrote it and wherever."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from harness.config import kinds

_SQLITE = "sqlite:///"


def at_home(composed: DictConfig) -> DictConfig:
    """Puts the home folder where a place begins with `~`, in place; returns the config."""
    plain = OmegaConf.to_container(composed, resolve=False)
    for key, text in _texts(plain, ""):
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
