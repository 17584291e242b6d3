"""The types of a config's keys, whatever choice has them: who reads an override asks here."""

import dataclasses
import types
from collections.abc import Iterator
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from hydra.conf import HydraConf

from harness.config.schema import SCHEMAS, Config

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
    found: list[Any] = list(SCHEMAS[group].values()) if group in SCHEMAS else []
    if group == "hydra":
        found = [HydraConf]
    elif not found:
        found, rest = [Config], [group, *rest]
    for name in rest:
        hints = [get_type_hints(each) for each in found if dataclasses.is_dataclass(each)]
        found = [hint[name] for hint in hints if name in hint]
    return found


@cache
def keys() -> list[str]:
    """Every dotted key that some choice has, each once."""
    found: dict[str, None] = {}
    for name in get_type_hints(Config):
        schemas = SCHEMAS.get(name)
        below = (f"{name}.{key}" for kind in (schemas or {}).values() for key in _below(kind))
        found |= dict.fromkeys(below if schemas else [name])
    return list(found)


def _below(kind: Any) -> Iterator[str]:
    for name, hint in get_type_hints(kind).items():
        if dataclasses.is_dataclass(hint):
            yield from (f"{name}.{key}" for key in _below(hint))
        else:
            yield name


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


def accepted(key: str) -> str:
    """What a key accepts, in words; empty if there is no such key."""
    found = kinds(key)
    return _words(found[0]) if found else ""


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
