"""The types of a config's keys, whatever choice has them: who reads an override asks here."""

import dataclasses
import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Union, get_args, get_origin

from hydra.conf import HydraConf

from harness.config.schema import Config, hints
from harness.options import NOTHING, WEIGHTS

_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list[int]: "a list of whole numbers",
    list[float]: "a list of numbers",
    list[str]: "a list of texts",
}
#: How the names of text keys end that say where something lies.
_PLACES = ("_dir", "_file", "_files", "_weights")


@cache
def kinds(key: str) -> list[Any]:
    """The types that a dotted key has, one for each choice that has it; empty if none has."""
    group, *rest = key.split(".")
    found: list[Any] = [HydraConf] if group == "hydra" else _inside(Config, group)
    for name in rest:
        found = [kind for each in found for kind in _inside(each, name)]
    return found


def _inside(kind: Any, name: str) -> list[Any]:
    """The types that a field may have; of a choice, the options of each."""
    if not dataclasses.is_dataclass(kind):
        return []
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if name not in fields:
        return []
    room = fields[name].metadata.get("room")
    return [options for _, options in room] if room else [hints(kind)[name]]


@cache
def keys() -> list[str]:
    """Every dotted key that some choice has, each once."""
    return list(dict.fromkeys(_below(Config)))


def _below(kind: Any) -> Iterator[str]:
    for field in dataclasses.fields(kind):
        inner = [each for each in _inside(kind, field.name) if dataclasses.is_dataclass(each)]
        if inner:
            yield from (f"{field.name}.{key}" for each in inner for key in _below(each))
        else:
            yield field.name


def is_text(key: str) -> bool:
    """Whether a key holds a text (or null), in every choice that has it."""
    return _all_plain(key, (str,))


def is_texts(key: str) -> bool:
    """Whether a key holds a list of texts (or null)."""
    return _all_plain(key, (list, str))


def is_section(key: str) -> bool:
    """Whether a key holds keys of its own."""
    found = kinds(key)
    return bool(found) and all(dataclasses.is_dataclass(kind) for kind in found)


def is_place(key: str) -> bool:
    """Whether a key says where a folder or a file lies."""
    return key.endswith(_PLACES) and is_text(key)


def decides_nothing(key: str) -> bool:
    """Whether a key is a label, a place or a pace, by which no choice makes other cells."""
    found: list[tuple[Any, str]] = [(Config, WEIGHTS)]
    for name in key.split("."):
        found = [
            (inner, field.metadata.get("decides", above))
            for kind, above in found
            if dataclasses.is_dataclass(kind)
            for field in dataclasses.fields(kind)
            if field.name == name
            for inner in _inside(kind, name)
        ]
    return bool(found) and all(decides == NOTHING for _, decides in found)


def accepted(key: str, config: Mapping[str, Any] | None = None) -> str:
    """What a key accepts, in words; empty if there is no such key.

    Args:
        key: dotted.
        config: plain values, whose choices count where several have the key.
    """
    *sections, name = key.split(".")
    section: Any = config or {}
    for each in sections:
        section = section.get(each) if isinstance(section, Mapping) else None
    tags = (section.get("name"), section.get("kind")) if isinstance(section, Mapping) else ()
    chosen = [
        kind
        for kind in kinds(".".join(sections))
        if getattr(kind, "name", getattr(kind, "kind", None)) in tags
    ]
    found = [inner for kind in chosen for inner in _inside(kind, name)] or kinds(key)
    return " or ".join(dict.fromkeys(map(_words, found)))


def _all_plain(key: str, wanted: tuple[Any, ...]) -> bool:
    found = [_plain(kind) for kind in kinds(key)]
    shapes = [(get_origin(kind), *get_args(kind)) if get_args(kind) else (kind,) for kind in found]
    return bool(shapes) and all(shape == wanted for shape in shapes)


def _plain(kind: Any) -> Any:
    """A type without its `| None`."""
    if get_origin(kind) in (types.UnionType, Union):
        return next(each for each in get_args(kind) if each is not type(None))
    return kind


def _words(kind: Any) -> str:
    if _plain(kind) is not kind:
        return f"{_words(_plain(kind))}, or null"
    if dataclasses.is_dataclass(kind):
        return "its keys, " + ", ".join(field.name for field in dataclasses.fields(kind))
    return _WORDS.get(kind, "")
