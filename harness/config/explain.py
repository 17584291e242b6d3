"""One line for an error of Hydra's or OmegaConf's: the key, what was received, accepted."""

import dataclasses
import re
import types
from collections.abc import Callable, Sequence
from typing import Any, get_args, get_origin, get_type_hints

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

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


def explain(error: Exception, options: Callable[[str], Sequence[str]]) -> str:
    """Puts an error of composing a config into one line.

    Args:
        error: Hydra's or OmegaConf's.
        options: group -> the names it accepts.
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        # Hydra lists the schema nodes' folders too; only the YAML names are meant for users.
        accepted = options(group) or error.options or ()
        return f"{group or '--config-name'}={name} is unknown; accepted: {', '.join(accepted)}"
    if isinstance(error, OverrideParseException):
        return f"{error.override!r} is not an override; accepted: KEY=VALUE"
    several = re.match(r"Ambiguous value for argument '(.*)'", str(error))
    if several:
        return (
            f"{several[1]}: received several values; accepted here: one (a list is written [1,2])"
        )
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(cause, (ConfigKeyError, ConfigAttributeError)):
        return _unknown_key(cause)
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        return _wrong_value(cause, str(error))
    return " ".join(str(error).split())


def _unknown_key(error: OmegaConfBaseException) -> str:
    parent = str(error.full_key).rpartition(".")[0]
    kind = error.object_type
    line = f"{error.full_key}: there is no such key"
    if dataclasses.is_dataclass(kind):
        names = ", ".join(field.name for field in dataclasses.fields(kind))
        line += f"; accepted{' in ' + parent if parent else ''}: {names}"
    return line


def _wrong_value(error: OmegaConfBaseException, outer: str) -> str:
    key = re.sub(r"\[\d+\]", "", str(error.full_key))
    message = str(error.msg or error).splitlines()[0]
    accepted = _accepted(key, _owner(error))
    if isinstance(error, MissingMandatoryValue):
        return f"{key}: received nothing; accepted: {accepted}"
    override = re.match(r"Error merging override [^=]+=(.*)", outer.splitlines()[0])
    value = override or re.match(r"Value '(.*)' (?:of type|is not)", message)
    if value and accepted:
        return f"{key}: received {value[1] or 'nothing'}; accepted: {accepted}"
    return f"{key}: {message}"


def _owner(error: OmegaConfBaseException) -> Any:
    """The dataclass of which the error's key is one, or in a list of one; None if unknown."""
    node = error.parent_node
    while node is not None and not dataclasses.is_dataclass(node._metadata.object_type):
        node = node._get_parent()
    return None if node is None else node._metadata.object_type


def _accepted(key: str, owner: Any) -> str:
    """What the schema accepts at a dotted key, in words; empty if it has no such key.

    Args:
        key: the whole of it.
        owner: the type of what it is a key of, where that is known.
    """
    group, *rest = key.split(".")
    known = {} if owner is None else get_type_hints(owner)
    if rest and rest[-1] in known:
        return _words(known[rest[-1]])
    kinds: list[Any] = list(SCHEMAS[group].values()) if group in SCHEMAS else []
    if not kinds:
        kinds, rest = [Config], [group, *rest]
    for name in rest:
        hints = [get_type_hints(kind) for kind in kinds if dataclasses.is_dataclass(kind)]
        kinds = [hint[name] for hint in hints if name in hint]
    return _words(kinds[0]) if kinds else ""


def _words(kind: Any) -> str:
    if get_origin(kind) is types.UnionType:
        plain = next(each for each in get_args(kind) if each is not type(None))
        return f"{_words(plain)}, or null"
    if dataclasses.is_dataclass(kind):
        return "its keys, " + ", ".join(field.name for field in dataclasses.fields(kind))
    return _WORDS.get(kind, "")
