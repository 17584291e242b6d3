"""A sweep: a file under `sweeps/` that names the cells of one table."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from harness.config import Config, compose, expand, shipped
from harness.errors import ConfigError
from harness.options import need, one_of


@dataclass(frozen=True)
class Sweep:
    """One table's cells, as the file names them.

    Attributes:
        name: the sweep's, its MLflow experiment's and its results folder's.
        title: the table's heading.
        scale: full or small.
        seeds: each cell is run once with each.
        blocks: `(overrides, cells)`: overrides shared by a block's cells, and each cell's own.
        published: the file under `results/published/` to compare with, or None.
        aliases: short names that overrides on the command line may use -> the keys.
    """

    name: str
    title: str
    scale: str
    seeds: tuple[int, ...]
    blocks: tuple[tuple[tuple[str, ...], tuple[tuple[str, ...], ...]], ...]
    published: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)

    def overrides(self, extra: Sequence[str] = ()) -> list[tuple[str, ...]]:
        """The overrides of every cell, in the table's order.

        Args:
            extra: what the user adds to every cell; `seed=…` replaces the file's seeds, and
                `a=1,2` makes cells for both.
        """
        extra = [self._unaliased(override) for override in extra]
        seeded = any(override.startswith("seed=") for override in extra)
        seeds = [()] if seeded else [(f"seed={seed}",) for seed in self.seeds]
        own = (f"scale={self.scale}", f"tracking.experiment={self.name}")
        return [
            (*shared, *cell, *own, *seed, *more)
            for shared, cells in self.blocks
            for cell in cells
            for seed, more in product(seeds, expand(extra))
        ]

    def _unaliased(self, override: str) -> str:
        key, equals, value = override.partition("=")
        return f"{self.aliases.get(key, key)}{equals}{value}"

    def configs(self, extra: Sequence[str] = ()) -> list[tuple[Config, tuple[str, ...]]]:
        """The validated config of every cell, with its overrides.

        Raises:
            ConfigError: names the cell's fault.
        """
        return [(compose(overrides), overrides) for overrides in self.overrides(extra)]


def names() -> list[str]:
    """The sweeps that are shipped."""
    return sorted(path.stem for path in shipped("sweeps").glob("*.yaml"))


def load(name: str) -> Sweep:
    """Reads a shipped sweep by name, or any sweep by the path of its YAML file.

    Raises:
        ConfigError: there is no such sweep, or the file is not one.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else shipped("sweeps") / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(
            f"sweep {name!r} does not exist; accepted: {', '.join(names())}, or a YAML file's path"
        )
    if not re.fullmatch(r"\w[\w.-]*", path.stem):
        raise ConfigError(
            f"{path}: received a name that an experiment and a folder cannot have; accepted: "
            "letters, digits, '.', '_' and '-'"
        )
    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML ({' '.join(str(error).split())})") from None
    return _parse(path, content)


_KEYS = {"title", "scale", "seeds", "blocks", "published", "aliases"}


def _parse(path: Path, content: Any) -> Sweep:
    try:
        return Sweep(name=path.stem, **_fields(content))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _fields(content: Any) -> dict[str, Any]:
    """The fields of a `Sweep` that its file states, checked."""
    if not isinstance(content, dict):
        raise ConfigError(f"received {type(content).__name__}; accepted: a mapping")
    unknown, missing = set(content) - _KEYS, {"title", "scale", "blocks"} - set(content)
    if unknown or missing:
        wrong = f"unknown {sorted(unknown)}" if unknown else f"missing {sorted(missing)}"
        raise ConfigError(f"{wrong}; accepted keys: {', '.join(sorted(_KEYS))}")
    for key in ("title", "scale"):
        need(key, content[key], isinstance(content[key], str), "a text")
    seeds = content.get("seeds", [1])
    whole = isinstance(seeds, list) and all(type(seed) is int for seed in seeds)
    need("seeds", seeds, whole and bool(seeds), "a list of whole numbers")
    if content.get("published") is not None:
        tables = sorted(file.stem for file in shipped("published").glob("*.csv"))
        one_of("published", content["published"], tables)
    aliases = content.get("aliases", {})
    named = isinstance(aliases, dict) and all(
        isinstance(text, str) for pair in aliases.items() for text in pair
    )
    need("aliases", aliases, named, "a mapping from short names to keys")
    blocks = content["blocks"]
    need("blocks", blocks, isinstance(blocks, list) and bool(blocks), "a list of blocks")
    return {
        "title": content["title"],
        "scale": content["scale"],
        "seeds": tuple(seeds),
        "blocks": tuple(_block(f"blocks[{i}]", block) for i, block in enumerate(blocks)),
        "published": content.get("published"),
        "aliases": aliases,
    }


def _block(key: str, block: Any) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    known = isinstance(block, dict) and set(block) <= {"overrides", "cells"}
    need(key, block, known, "a mapping with overrides and cells")
    shared, cells = block.get("overrides") or [], block.get("cells") or []
    for name, entries in {"overrides": shared, "cells": cells}.items():
        texts = isinstance(entries, list) and all(isinstance(entry, str) for entry in entries)
        accepted = "a list of overrides (in quotes, if they have brackets)"
        need(f"{key}.{name}", entries, texts, accepted)
    need(f"{key}.cells", cells, bool(cells), "at least one cell")
    return tuple(shared), tuple(tuple(cell.split()) for cell in cells)
