"""Several values of a setting that decides nothing: they would make one cell, silently."""

import dataclasses
from collections.abc import Iterable, Sequence

from harness.config import Config
from harness.config.identity import flat, identity
from harness.config.kinds import decides_nothing
from harness.errors import ConfigError


def refuse_idle(configs: Sequence[Config], alike: Iterable[Sequence[Config]]) -> None:
    """Refuses several values of a key that decides none of the cells.

    A setting that one cell ignores and another does not (the target, of dense and sparse cells)
    may have several.

    Args:
        configs: all that were asked for.
        alike: those that are one cell, for each cell.

    Raises:
        ConfigError: names the key and its values.
    """
    configs = list({_sections(config): config for config in configs}.values())
    deciding_some = {"seed"} | {key for config in configs for key, _ in flat(identity(config, ""))}
    for group in [configs, *(each for each in alike if len(each) > 1)]:
        flats = [dict(flat(dataclasses.asdict(config))) for config in group]
        differing = [
            key
            for key in flats[0]
            if any(flat.get(key) != flats[0][key] for flat in flats) and not _is_label(key)
        ]
        if group is configs:
            differing = [key for key in differing if key.startswith("tracking.")]
        if differing and not deciding_some.intersection(differing):
            key = differing[0]
            values = ", ".join(dict.fromkeys(str(flat.get(key)) for flat in flats))
            raise ConfigError(
                f"{key}: received several values ({values}); accepted: one a command, for it makes "
                "no other cells (run the command once for each)"
            )


def _sections(config: Config) -> tuple[object, ...]:
    """Tells configs apart that differ in more than their seed (and some that do not)."""
    values = {**vars(config), "seed": None}.values()
    return tuple(id(value) if dataclasses.is_dataclass(value) else value for value in values)


def _is_label(key: str) -> bool:
    """Whether a key says no more than what a preset is called."""
    return (key == "experiment" or key.endswith(".name")) and decides_nothing(key)
