"""The typed schema of a cell: the rooms' options put together, and nothing else.

A section whose options depend on a choice (a model, a pattern, an optimizer, …) names it by its
tag, `name` or `kind`, and holds only what that choice reads. YAML presets under `conf/` fill the
sections in; Hydra composes them as plain values, and `typed` makes options of them, refusing
keys and types that the choices do not have.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from harness.config import credentials
from harness.data.base import DATASETS, DatasetOptions
from harness.errors import ConfigError, NotReadError
from harness.export.base import ExportOptions
from harness.models.base import MODELS, ModelOptions
from harness.options import (
    MEASUREMENT,
    NOTHING,
    UNNAMED,
    Options,
    Room,
    decides,
    near,
    need,
    one_choice,
    unknown,
)
from harness.pruning.options import SparsityOptions
from harness.training.options import StrategyOptions, TrainingOptions

T = TypeVar("T")


@dataclasses.dataclass
class EvaluationOptions(Options):
    """How the trained model is scored: `batch_size` examples at once (null: as in training)."""

    batch_size: int | None = decides(MEASUREMENT, None)


@dataclasses.dataclass
class TrackingOptions(Options):
    """The MLflow store, and the experiment that a table's runs share.

    A user and a password in the URI are used, and are no part of the config.
    """

    name: str = UNNAMED
    uri: str = UNNAMED
    experiment: str = UNNAMED

    def __post_init__(self) -> None:
        self.uri = credentials.taken(self.uri)


@dataclasses.dataclass
class EngineOptions(Options):
    """What a cell's job asks of a cluster, where one runs it; what is null is the cluster's say.

    `cpus` and `gpus` are whole devices, `memory` is in GB, `time` in minutes, `partition` a queue's
    name. None of it decides a result.
    """

    cpus: int | None = None
    gpus: int | None = None
    memory: float | None = None
    time: int | None = None
    partition: str | None = None

    def check(self) -> None:
        """Refuses what no job can ask for.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """
        for key, least in (("cpus", 1), ("gpus", 0), ("time", 1)):
            value = getattr(self, key)
            fits = value is None or value >= least
            need(f"engine.{key}", value, fits, f"{least} or more, or null")
        fits = self.memory is None or self.memory > 0
        need("engine.memory", self.memory, fits, "GB, a number above 0, or null")


@dataclasses.dataclass
class Config(Options):
    """A cell: one model × dataset × sparsity × seed × training recipe, and how it is measured.

    `experiment` is the name of the preset that brought several sections together, if one did.
    """

    model: ModelOptions = one_choice(MODELS, "mnist_cnn")
    dataset: DatasetOptions = one_choice(DATASETS, "mnist")
    sparsity: SparsityOptions = dataclasses.field(default_factory=SparsityOptions)
    training: TrainingOptions = dataclasses.field(default_factory=TrainingOptions)
    strategy: StrategyOptions = dataclasses.field(default_factory=StrategyOptions)
    export: ExportOptions = dataclasses.field(default_factory=ExportOptions)
    evaluation: EvaluationOptions = dataclasses.field(default_factory=EvaluationOptions)
    tracking: TrackingOptions = decides(NOTHING, default_factory=TrackingOptions)
    engine: EngineOptions = decides(NOTHING, default_factory=EngineOptions)
    scale: str = decides(MEASUREMENT, "small")
    seed: int = 1
    work_dir: str = decides(NOTHING, "work")
    experiment: str | None = decides(NOTHING, None)


#: The sections that a preset or a choice fills in, by `GROUP=NAME`.
SECTIONS = ("model", "dataset", "sparsity", "training", "strategy", "export", "tracking")
#: The groups of presets; an experiment fills in several sections, and says its name.
GROUPS = (*SECTIONS, "experiment")


def typed(kind: type[T], given: Mapping[str, Any], key: str = "", *, swapped: Any = ()) -> T:
    """Options of a kind from plain values.

    Args:
        kind: the options' class; where it has choices, `given` names them by their tags.
        given: a section of a config; what it leaves out is as the class has it.
        key: where the section stands.
        swapped: keys of sections for which another choice was asked for than their preset has:
            what the preset says there and the choice does not know is left out.

    Raises:
        ConfigError: a choice or a key that there is not.
        OmegaConfBaseException: a value of another type.
    """
    fields = _fields(kind)
    plain: dict[str, Any] = {}
    nested: dict[str, Any] = {}
    for name, value in given.items():
        path = f"{key}.{name}" if key else name
        if name not in fields:
            if key in swapped:
                continue
            raise NotReadError(unknown_key(path, kind), path)
        inner = _section_kind(fields[name], kind, value, path)
        if inner is None:
            plain[name] = value
        else:
            nested[name] = typed(inner, value, path, swapped=swapped)
    return kind(**_converted(kind, plain, key), **nested)


#: The types of an options class's fields, which Python finds out anew each time it is asked.
hints: Callable[[Any], dict[str, Any]] = cache(get_type_hints)


def _fields(kind: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(kind)}


def _options_of(kind: type[Any], name: str) -> type[Any] | None:
    """The class of a field that holds options; None if it holds a plain value."""
    hint = hints(kind)[name]
    return hint if isinstance(hint, type) and dataclasses.is_dataclass(hint) else None


def _converted(kind: type[Any], plain: dict[str, Any], key: str) -> dict[str, Any]:
    """Plain values as the types of their fields; OmegaConf's errors then name the whole key."""
    types = hints(kind)
    for name, value in plain.items():
        if type(value) in (int, float) and _fits("", types[name]) and not _fits(value, types[name]):
            path = f"{key}.{name}" if key else name
            raise ConfigError(
                f"{path}: received the number {value}; accepted: a text; in a file, write one that "
                "reads as a number in quotes"
            )
    plain = {name: _number(value, types[name]) for name, value in plain.items()}
    if all(_fits(value, types[name]) for name, value in plain.items()):
        return plain  # as nearly always; OmegaConf takes long for what there is nothing to do
    section: Any = OmegaConf.structured(kind)
    if not key:
        section = OmegaConf.merge(section, plain)
    else:
        outer = OmegaConf.create()
        OmegaConf.update(outer, key, section)
        OmegaConf.update(outer, key, plain)
        section = OmegaConf.select(outer, key)
    return {name: _value(section[name]) for name in plain}


def _number(value: Any, hint: Any) -> Any:
    """A whole number as a float, where only that is accepted."""
    kinds = get_args(hint) or (hint,)
    return float(value) if type(value) is int and float in kinds and int not in kinds else value


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a field's type as it is."""
    if get_origin(hint) is list:
        return isinstance(value, list) and all(_fits(one, get_args(hint)[0]) for one in value)
    return any(type(value) is kind for kind in get_args(hint) or (hint,))


def _value(value: Any) -> Any:
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def _section_kind(
    field: dataclasses.Field[Any], kind: type[Any], value: Any, key: str
) -> type[Any] | None:
    """The class of a field that holds options; None for a plain value."""
    room: Room | None = field.metadata.get("room")
    if room is not None:
        if not isinstance(value, Mapping):
            raise ConfigError(unknown(room.group, value, room.names()))
        return room.find(value.get(room.tag))
    hint = _options_of(kind, field.name)
    if hint is not None and not isinstance(value, Mapping):
        keys = ", ".join(_fields(hint))
        raise ConfigError(f"{key}: received {value!r}; accepted: its keys, {keys}")
    return hint


def unknown_key(key: str, kind: type[Any]) -> str:
    """The line for a key that a section's options do not have."""
    parent, _, name = key.rpartition(".")
    names = [field.name for field in dataclasses.fields(kind)]
    line = f"{key}: there is no such key; accepted{f' in {parent}' if parent else ''}: "
    return line + ", ".join(names) + near(name, names, f"{parent}." if parent else "")


# Hydra -------------------------------------------------------------------------------


def register(presets: Callable[[str], Iterable[str]]) -> None:
    """Puts every choice and every section's defaults into Hydra's ConfigStore (again is harmless).

    A choice of the room `sparsity/pattern` becomes the group option `sparsity/pattern=NAME`, unless
    a YAML preset has that name, which then begins with `schema/NAME@_here_`. The defaults of a
    section become `base` in its group, for its presets to begin with.

    Args:
        presets: group -> the names of its YAML presets.
    """
    store = ConfigStore.instance()
    for room in {room.group: room for room, _ in rooms()}.values():
        taken = set(presets(room.group))
        for name, options in room:
            if name not in taken:
                store.store(group=room.group, name=name, node=_defaults(options))
            store.store(group=f"{room.group}/schema", name=name, node=_defaults(options))
    for section in SECTIONS[2:]:
        kind = hints(Config)[section]
        store.store(group=section, name="base", node=_defaults(kind))
    plain = {"evaluation": EvaluationOptions, "engine": EngineOptions}
    sections = {name: _defaults(options) for name, options in plain.items()}
    store.store(name="base", node={**sections, "scale": "small", "seed": 1, "work_dir": "work"})


def rooms(kind: type[Any] = Config, key: str = "") -> Iterator[tuple[Room, str]]:
    """Every room that a cell chooses from, with the key of the section that holds the choice."""
    for field in dataclasses.fields(kind):
        path = f"{key}.{field.name}" if key else field.name
        room = field.metadata.get("room")
        hint = _options_of(kind, field.name)
        if room is not None:
            yield room, path
        elif hint is not None:
            yield from rooms(hint, path)


def _defaults(kind: type[Any]) -> dict[str, Any]:
    """Options' defaults as Hydra composes them: plain values, and a group for each choice."""
    groups: list[Any] = []
    values = _plain_defaults(kind, "", groups)
    return {"defaults": [*groups, "_self_"], **values} if groups else values


def _plain_defaults(kind: type[Any], key: str, groups: list[Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        path = f"{key}.{field.name}" if key else field.name
        hint = _options_of(kind, field.name)
        if "room" in field.metadata:
            folder = field.metadata["room"].group.rpartition("/")[2]
            groups.append(
                {folder if folder == path else f"{folder}@{path}": field.metadata["default"]}
            )
        elif hint is not None:
            values[field.name] = _plain_defaults(hint, path, groups)
        elif field.default is not dataclasses.MISSING:
            values[field.name] = field.default
        else:
            assert field.default_factory is not dataclasses.MISSING
            values[field.name] = field.default_factory()
    return values
