"""A sweep: a file under `sweeps/` that names the cells of one table."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from harness import metrics
from harness.config import Config, compose, expand, shipped
from harness.config.folders import sweep_files
from harness.config.hints import group_hint
from harness.config.ignored import refuse_ignored
from harness.config.names import need_name
from harness.config.overrides import key_of
from harness.errors import ConfigError, NotReadError
from harness.options import need, one_of
from harness.sweep.as_written import read
from harness.sweep.listed import as_text, listed

_Line = tuple[str, ...]
#: A seed as it is usually written; others are left to the config's own reading.
_SEED = re.compile(r"seed=(0|[1-9]\d{0,8})")
Block = tuple[_Line, tuple[_Line, ...], tuple[int, ...] | None]


@dataclass(frozen=True)
class Sweep:
    """One table's cells, as the file names them.

    Attributes:
        name: the sweep's, its MLflow experiment's and its results folder's.
        title: the table's heading.
        scale: full or small.
        seeds: each cell is run once with each.
        blocks: `(overrides, cells, seeds)`: overrides shared by a block's cells, each cell's own,
            and the seeds of the block where they are not the sweep's.
        published: the file under `results/published/` to compare with, or None.
        tuned: what the recipes were chosen with, for the table's caption.
        quality: the metric that the table compares cells by; empty for their task's, on the test
            split. `val/accuracy` is for choosing a recipe.
        aliases: short names that overrides on the command line may use -> the keys.
        file: what it was asked for by: its name, or the path of its file.
    """

    name: str
    title: str
    scale: str
    seeds: tuple[int, ...]
    blocks: tuple["Block", ...]
    published: str | None = None
    tuned: str = ""
    quality: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)
    file: str = ""

    def overrides(self, extra: Sequence[str] = ()) -> list[tuple[str, ...]]:
        """The overrides of every cell, in the table's order.

        Args:
            extra: what the user adds to every cell; `seed=…` replaces the file's seeds, and
                `a=1,2` makes cells for both.
        """
        return [(*before, *cell, *after) for before, cell, after in self._parts(extra)]

    def _parts(self, extra: Sequence[str]) -> Iterator[tuple[_Line, _Line, _Line]]:
        """The overrides of every cell: before its own, its own, and after them."""
        extra = [self.unaliased(override) for override in extra]
        seeded = any(override.startswith("seed=") for override in extra)
        own = (f"scale={self.scale}", f"tracking.experiment={self.name}")
        for shared, cells, numbers in self.blocks:
            seeds = [()] if seeded else [(f"seed={seed}",) for seed in numbers or self.seeds]
            for cell in cells:
                for seed, more in product(seeds, expand(extra)):
                    yield shared, cell, (*own, *seed, *more)

    def unaliased(self, override: str) -> str:
        """An override with its key's short name, if it is one, replaced."""
        key, equals, value = override.partition("=")
        return f"{self.aliases.get(key, key)}{equals}{value}"

    def configs(self, extra: Sequence[str] = ()) -> list[tuple[Config, tuple[str, ...]]]:
        """The validated config of every cell, with its overrides.

        Raises:
            ConfigError: names the cell's fault.
        """
        refusals: dict[str, NotReadError] = {}
        known: dict[tuple[_Line, ...], tuple[Config, _Line]] = {}
        cells = [_seeded(parts, known, refusals) for parts in self._parts(extra)]
        reached = {override for _, overrides in cells for override in overrides}
        for override, refusal in refusals.items():
            if override not in reached:
                raise refusal
        refuse_ignored(list(known.values()))  # of the others only the seed differs
        return cells


def _seeded(
    parts: tuple[_Line, _Line, _Line],
    known: dict[tuple[_Line, ...], tuple[Config, _Line]],
    refusals: dict[str, NotReadError],
) -> tuple[Config, _Line]:
    """A cell; composed once for all its seeds, for composing takes a thousand times as long.

    The configs of all seeds share their sections, by which `harness.sweep.plan` knows them.

    Args:
        parts: as of `_composed`.
        known: its overrides without the seed -> the first cell of them; takes up this one.
        refusals: as of `_composed`.
    """
    before, cell, after = parts
    seeds = [each for each in after if _SEED.fullmatch(each)]
    plain = not any("${" in each or "seed" in each for each in (*before, *cell))
    if len(seeds) != 1 or not plain or any("${" in each for each in after):
        made = _composed(parts, refusals)
        known[parts] = made
        return made
    (seed,) = seeds
    key = (before, cell, tuple(each for each in after if each != seed))
    if key not in known:
        known[key] = _composed(parts, refusals)
        return known[key]
    config, overrides = known[key]
    own = tuple(seed if each.startswith("seed=") else each for each in overrides)
    return replace(config, seed=int(seed.partition("=")[2])), own


def _composed(
    parts: tuple[_Line, _Line, _Line], refusals: dict[str, NotReadError]
) -> tuple[Config, _Line]:
    """A cell without those overrides of several that its own choices do not read.

    Args:
        parts: its overrides: of the block; its own, of which it reads all; of the whole sweep.
        refusals: takes up the overrides left out, which some cell has to read.
    """
    before, cell, after = parts
    overrides = (*before, *cell, *after)
    try:
        return compose(overrides), overrides
    except NotReadError as error:
        unread = {
            each
            for each in (*before, *after)
            if key_of(each) == error.key or key_of(each).startswith(f"{error.key}.")
        }
        if not unread:
            raise
        refusals |= dict.fromkeys(unread, error)
        kept = [tuple(each for each in part if each not in unread) for part in (before, after)]
        return _composed((kept[0], cell, kept[1]), refusals)


def names() -> list[str]:
    """The sweeps that are known by name: the shipped ones, and the user's own."""
    return sorted(path.stem for path in sweep_files())


def load(name: str) -> Sweep:
    """Reads a sweep by name, or any sweep by the path of its YAML file.

    Raises:
        ConfigError: there is no such sweep, or the file is not one.
    """
    path = _file(name)
    need_name(f"{path}", path.stem)
    return _parse(name, path, read(path))


def _file(name: str) -> Path:
    if name.endswith((".yaml", ".yml")):
        path = Path(name).expanduser()
        found = path if os.path.isfile(path) else None  # False for a name too long, too
    else:
        found = next((path for path in sweep_files() if path.stem == name), None)
    if found is None:
        near = group_hint("sweep", name, names()).partition("=")[2]
        hint = f"; did you mean {near}?" if near else ""
        raise ConfigError(
            f"sweep {name!r} does not exist; accepted: {', '.join(names())}, or a YAML file's path"
            f"{hint}"
        )
    return found


_KEYS = {"title", "scale", "seeds", "blocks", "published", "aliases", "tuned", "quality"}


def _parse(name: str, path: Path, content: Any) -> Sweep:
    try:
        return Sweep(name=path.stem, file=name, **_fields(content))
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
    if content.get("published") is not None:
        tables = sorted(file.stem for file in shipped("published").glob("*.csv"))
        one_of("published", content["published"], tables)
    quality = content.get("quality", "")
    if quality:
        one_of("quality", quality, metrics.qualities())
    aliases = content.get("aliases", {})
    named = isinstance(aliases, dict) and all(
        isinstance(text, str) for pair in aliases.items() for text in pair
    )
    need("aliases", aliases, named, "a mapping from short names to keys")
    tuned = content.get("tuned", "")
    need("tuned", as_text(tuned), isinstance(tuned, str), "a text")
    blocks = content["blocks"]
    need("blocks", blocks, isinstance(blocks, list) and bool(blocks), "a list of blocks")
    return {
        "title": content["title"],
        "scale": content["scale"],
        "seeds": _seeds("seeds", content.get("seeds", [1])),
        "blocks": tuple(_block(f"blocks[{i}]", block) for i, block in enumerate(blocks)),
        "published": content.get("published"),
        "tuned": " ".join(tuned.split()),
        "quality": quality,
        "aliases": aliases,
    }


def _seeds(key: str, seeds: Any) -> tuple[int, ...]:
    # as Python writes them: what 010 means, other programs do not agree on
    whole = isinstance(seeds, list) and all(str(seed).isdecimal() for seed in seeds)
    whole = whole and all(str(int(seed)) == str(seed) for seed in seeds)
    accepted = "a list of whole numbers, written without leading zeros or other signs"
    need(key, as_text(seeds), whole and bool(seeds), accepted)
    return tuple(map(int, seeds))


def _block(key: str, block: Any) -> Block:
    known = isinstance(block, dict) and set(block) <= {"overrides", "cells", "seeds"}
    need(key, block, known, "a mapping with overrides, cells and seeds")
    cells = block.get("cells") or []
    need(f"{key}.cells", cells, isinstance(cells, list) and bool(cells), "a list of cells")
    shared = listed(f"{key}.overrides", block.get("overrides") or [])
    seeds = _seeds(f"{key}.seeds", block["seeds"]) if "seeds" in block else None
    own = tuple(listed(f"{key}.cells[{i}]", cell) for i, cell in enumerate(cells))
    return shared, own, seeds
