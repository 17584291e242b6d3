"""Choices: named things with options of their own, one file each.

A choosable thing (a model, a data set, a pattern, …) is a dataclass: its fields are its options
in a config, its methods what it does. One decorator announces it:

    @choice
    @dataclass
    class Cosine(ScheduleOptions):
        kind: str = "cosine"
        initial: float = 0.0

The base class says which room it belongs to. A room finds its choices by listing its own folder,
and those of other installed packages by the entry point group `sparsity_harness`, whose entries
name modules to import. Such modules must import nothing heavy at their top, for they are listed
before a config is read.
"""

import dataclasses
import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import entry_points
from typing import Any, ClassVar, TypeVar

from harness.errors import ConfigError

#: The group of entry points by which installed packages offer choices.
ENTRY_POINTS = "sparsity_harness"
#: What a field of options decides: the trained weights (unless it says otherwise), only how the
#: trained model is measured, or nothing (a label, a place, how often something is looked at).
WEIGHTS, MEASUREMENT, NOTHING = "weights", "measurement", "nothing"

#: The tag of a base class, which is no choice itself (OmegaConf's sign for a missing value).
UNNAMED = "???"

T = TypeVar("T")


class Room:
    """The choices of one kind.

    Args:
        group: the Hydra group that chooses among them, e.g. `sparsity/schedule`.
        packages: the packages whose modules are its choices, one a file (folders beneath and
            modules without a choice are passed over).
        tag: the field that holds a choice's name.
    """

    def __init__(self, group: str, *packages: str, tag: str = "kind"):
        self.group = group
        self.tag = tag
        self._packages = packages
        self._choices: dict[str, type[Any]] = {}
        self._listed = False

    def add(self, options: type[Any]) -> None:
        """Takes up a choice under the default of its tag.

        Raises:
            TypeError: it has no name of its own, or another choice has the same.
        """
        name = next(f.default for f in dataclasses.fields(options) if f.name == self.tag)
        if not isinstance(name, str) or name == UNNAMED:
            raise TypeError(f'{options.__qualname__} needs a line `{self.tag}: str = "NAME"`')
        other = self._choices.setdefault(name, options)
        if (other.__module__, other.__qualname__) != (options.__module__, options.__qualname__):
            raise TypeError(
                f"{self.group}={name} is announced by {other.__module__} and by "
                f"{options.__module__}; rename one of them"
            )

    def names(self) -> list[str]:
        """The names of all choices, in alphabetical order."""
        return sorted(self._all())

    def __iter__(self) -> Iterator[tuple[str, type[Any]]]:
        """Names and options classes, in alphabetical order."""
        return iter(sorted(self._all().items()))

    def find(self, name: object) -> type[Any]:
        """The options of a choice by name.

        Raises:
            ConfigError: there is none of this name; says which there are.
        """
        found = self._all().get(name) if isinstance(name, str) else None
        if found is None:
            raise ConfigError(unknown(self.group, name, self.names()))
        return found

    def _all(self) -> dict[str, type[Any]]:
        if not self._listed:
            self._listed = True  # a module that is being listed may ask for other choices
            for package in self._packages:
                folder = importlib.import_module(package).__path__
                for module in pkgutil.iter_modules(folder):
                    if not module.ispkg:
                        importlib.import_module(f"{package}.{module.name}")
            _import_installed()
        return self._choices


def choice(options: type[T]) -> type[T]:
    """Announces a dataclass of options to the room that its base class names.

    Raises:
        TypeError: it is no dataclass, has no room or no name, or the name is taken.
    """
    room = getattr(options, "room", None)
    if not (isinstance(room, Room) and dataclasses.is_dataclass(options)):
        raise TypeError(f"{options.__qualname__} must be a dataclass below a room's options class")
    room.add(options)
    return options


class Options:
    """The base of all options: `room` says which choices they are among, if they are."""

    room: ClassVar[Room]


def decides(what: str, default: Any = dataclasses.MISSING, **factory: Any) -> Any:
    """A dataclass field that decides only what is said: `MEASUREMENT` or `NOTHING`.

    Args:
        what: one of the two.
        default: as for `dataclasses.field`.
        **factory: `default_factory=…`, likewise.
    """
    return dataclasses.field(default=default, metadata={"decides": what}, **factory)


def one_choice(room: Room, default: str) -> Any:
    """A dataclass field that holds the options of one of a room's choices.

    Its annotation is the room's base class.
    """
    return dataclasses.field(
        default_factory=lambda: room.find(default)(), metadata={"room": room, "default": default}
    )


_imported: list[str] = []


@cache  # looking through what is installed takes as long as many an import
def _import_installed() -> None:
    """Imports, once a process, the modules by which installed packages offer choices.

    Raises:
        ConfigError: one that cannot be imported; names the package.
    """
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.value in _imported:
            continue
        _imported.append(entry.value)
        try:
            entry.load()
        except Exception as error:
            package = entry.dist.name if entry.dist else entry.name
            raise ConfigError(
                f"the installed package {package} offers {entry.value}, which cannot be imported "
                f"({type(error).__name__}: {error}); repair or uninstall it"
            ) from error


# Wording of refusals: the key, what was received, what is accepted ------------------------


def need(key: str, value: object, holds: bool, accepted: str) -> None:
    """Refuses a value unless `holds`.

    Raises:
        ConfigError: names the key, the value and what is accepted.
    """
    if not holds:
        raise ConfigError(f"{key}: received {value!r}; accepted: {accepted}")


def need_share(key: str, value: float | None) -> None:
    """Refuses what is neither unset (null, where a key may be) nor in [0, 1)."""
    need(key, value, value is None or 0 <= value < 1, "a number in [0, 1)")


def one_of(key: str, value: object, names: Iterable[str]) -> None:
    """Refuses a value that is none of `names`."""
    names = tuple(names)
    need(key, value, value in names, ", ".join(names))


def unknown(key: str, value: object, names: Iterable[str]) -> str:
    """The line for a name that is not among those there are, with the nearest one if any."""
    names = list(names)
    hint = near(str(value), names, f"{key}=")
    return f"{key}={value} is unknown; accepted: {', '.join(names)}{hint}"


def near(name: str, names: Iterable[str], before: str = "") -> str:
    """`; did you mean …?`, where one of the names is close to what was typed; else nothing."""
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f"; did you mean {before}{found[0]}?" if found else ""
