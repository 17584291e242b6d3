"""The wording of refusals: the key, what was received, what is accepted."""

from collections.abc import Iterable

from harness.errors import ConfigError


def need(key: str, value: object, holds: bool, accepted: str) -> None:
    """Refuses a value unless `holds`.

    Raises:
        ConfigError: names the key, the value and what is accepted.
    """
    if not holds:
        raise ConfigError(f"{key}: received {value!r}; accepted: {accepted}")


def one_of(key: str, value: object, names: Iterable[str]) -> None:
    """Refuses a value that is none of `names`."""
    names = tuple(names)
    need(key, value, value in names, ", ".join(names))
