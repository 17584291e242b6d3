"""Overrides that choose: `sparsity.allocation=global` as people type it, as Hydra wants it.

A choice is a Hydra group option, `sparsity/allocation=global`, and for a section that is not
called as its group is, `training/optimizer@training.dense.optimizer=sgd`. The dotted key of the
section, or of its tag, says the same in a word that one can guess.
"""

import dataclasses
import re
import shlex
from collections.abc import Sequence
from functools import cache

import yaml

from harness.config.schema import rooms
from harness.errors import ConfigError
from harness.options import Room


def choosing(text: str) -> str:
    """An override; one that names a choice by its section's key in Hydra's form.

    Example:
        >>> choosing("sparsity.schedule.kind=cosine"), choosing("training.dense.optimizer=sgd")
        ('sparsity/schedule=cosine', 'training/optimizer@training.dense.optimizer=sgd')
    """
    key, equals, value = text.partition("=")
    sections = _sections()
    section, _, tag = key.rpartition(".")
    if key not in sections and section in sections and tag == sections[section].tag:
        key = section
    room = sections.get(key)
    if room is None or not equals:
        return text
    _refuse_whole(room, key, value)
    names = room.names()
    if not all(name.strip() in names for name in value.split(",")):
        return text  # for the answer that says which there are
    return f"{_group(room, key)}={value}"


def _refuse_whole(room: Room, key: str, value: str) -> None:
    """Refuses `{name: sgd, momentum: .9}`, which would come on top of another choice's options."""
    if not value.lstrip().startswith("{"):
        return
    try:
        given = yaml.load(re.sub(r":(?=\S)", ": ", value), yaml.BaseLoader)
    except yaml.YAMLError:
        return  # for the answer to what cannot be read
    if isinstance(given, dict) and room.tag in given:
        words = [f"{key}={given.pop(room.tag)}", *(f"{key}.{k}={v}" for k, v in given.items())]
        raise ConfigError(
            f"{key}: received {value}; a choice and its options are set one by one: "
            f"write {shlex.join(words)}"
        )


def swapped(overrides: Sequence[str]) -> frozenset[str]:
    """The keys of the sections for which overrides choose."""
    groups = {choosing(text).partition("=")[0].lstrip("+") for text in overrides}
    return frozenset(key for key, room in _sections().items() if _group(room, key) in groups)


def reading(key: str) -> str:
    """The choices that read a key, as overrides: `sparsity.schedule=constant, cosine`.

    Args:
        key: dotted; one that some choice has.
    """
    section = key.rpartition(".")[0]
    while section and section not in _sections():
        section = section.rpartition(".")[0]
    inner = key.removeprefix(f"{section}.").partition(".")[0]
    names = [
        name
        for name, options in _sections()[section]
        if inner in {field.name for field in dataclasses.fields(options)}
    ]
    return f"{section}={', '.join(names)}"


@cache
def _sections() -> dict[str, Room]:
    return {key: room for room, key in rooms()}


def _group(room: Room, key: str) -> str:
    return room.group if room.group == key.replace(".", "/") else f"{room.group}@{key}"
