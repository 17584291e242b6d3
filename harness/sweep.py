"""A sweep: a file under `sweeps/` that names the cells of one table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from harness.config import Config, compose, expand, shipped
from harness.errors import ConfigError


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
    """

    name: str
    title: str
    scale: str
    seeds: tuple[int, ...]
    blocks: tuple[tuple[tuple[str, ...], tuple[tuple[str, ...], ...]], ...]
    published: str | None = None

    def overrides(self, extra: Sequence[str] = ()) -> list[tuple[str, ...]]:
        """The overrides of every cell, in the table's order.

        Args:
            extra: what the user adds to every cell; `seed=…` replaces the file's seeds, and
                `a=1,2` makes cells for both.
        """
        seeded = any(override.startswith("seed=") for override in extra)
        seeds = [()] if seeded else [(f"seed={seed}",) for seed in self.seeds]
        own = (f"scale={self.scale}", f"tracking.experiment={self.name}")
        return [
            (*shared, *cell, *own, *seed, *more)
            for shared, cells in self.blocks
            for cell in cells
            for seed, more in product(seeds, expand(extra))
        ]

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


_KEYS = {"title", "scale", "seeds", "blocks", "published"}


def _parse(path: Path, content: Any) -> Sweep:
    def refuse(what: str) -> ConfigError:
        return ConfigError(f"{path}: {what}")

    if not isinstance(content, dict):
        raise refuse(f"received {type(content).__name__}; accepted: a mapping with {_KEYS}")
    unknown, missing = set(content) - _KEYS, {"title", "scale", "blocks"} - set(content)
    if unknown or missing:
        wrong = f"unknown {sorted(unknown)}" if unknown else f"missing {sorted(missing)}"
        raise refuse(f"{wrong}; accepted keys: {', '.join(sorted(_KEYS))}")
    seeds = content.get("seeds", [1])
    if not isinstance(seeds, list) or not all(type(seed) is int for seed in seeds) or not seeds:
        raise refuse(f"seeds: received {seeds!r}; accepted: a list of whole numbers")
    for key in ("title", "scale"):
        if not isinstance(content[key], str):
            raise refuse(f"{key}: received {content[key]!r}; accepted: a text")
    tables = sorted(file.stem for file in shipped("published").glob("*.csv"))
    if content.get("published") not in (None, *tables):
        raise refuse(f"published: received {content['published']!r}; accepted: {', '.join(tables)}")
    if not isinstance(content["blocks"], list) or not content["blocks"]:
        raise refuse(f"blocks: received {content['blocks']!r}; accepted: a list of blocks")
    blocks = []
    for number, block in enumerate(content["blocks"]):
        if not isinstance(block, dict) or set(block) - {"overrides", "cells"}:
            raise refuse(f"blocks[{number}]: accepted keys: overrides, cells")
        shared, cells = block.get("overrides") or [], block.get("cells") or []
        for key, entries in {"overrides": shared, "cells": cells}.items():
            texts = isinstance(entries, list) and all(isinstance(each, str) for each in entries)
            if not texts or (key == "cells" and not entries):
                raise refuse(
                    f"blocks[{number}].{key}: received {entries!r}; accepted: a list of overrides "
                    "(in quotes, if they have brackets)"
                )
        blocks.append((tuple(shared), tuple(tuple(cell.split()) for cell in cells)))
    return Sweep(
        name=path.stem,
        title=content["title"],
        scale=content["scale"],
        seeds=tuple(seeds),
        blocks=tuple(blocks),
        published=content.get("published"),
    )
