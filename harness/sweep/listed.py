"""What a sweep file may write for overrides: a line, a list or a mapping of them."""

import re
from collections.abc import Iterator
from typing import Any

from harness.config import kinds
from harness.config.overrides import pieces, quoted
from harness.errors import ConfigError

#: Where the next override of a line begins.
_BEGIN = re.compile(r"\s+(?:\+{0,2}[A-Za-z_][^\s='\"\[\](){},]*=|~[A-Za-z_])")


def listed(key: str, entries: Any) -> tuple[str, ...]:
    """The overrides that an entry of a sweep file stands for.

    Args:
        key: where it stands, for a refusal.
        entries: a line (`"sparsity=random sparsity.target=0.5"`), a mapping from keys to values,
            or a list of such; as `harness.sweep.as_written` reads them.

    Raises:
        ConfigError: it is neither.

    Example:
        >>> listed("cells[0]", "sparsity=random model.filters=[32, 64]")
        ('sparsity=random', 'model.filters=[32, 64]')
        >>> listed("cells[0]", {"sparsity": "random", "model.filters": ["32", "64"]})
        ('sparsity=random', 'model.filters=[32,64]')
    """
    if isinstance(entries, str):
        return tuple(each for each in pieces(entries, _next_override) if each)
    if isinstance(entries, dict):
        return tuple(_from_mapping(key, entries, ""))
    if isinstance(entries, list):
        found = (_entry(f"{key}[{i}]", entry) for i, entry in enumerate(entries))
        return tuple(override for entry in found for override in entry)
    raise ConfigError(
        f"{key}: received {as_text(entries)}; accepted: overrides as a line, a list (in quotes, if "
        "they have brackets) or a mapping"
    )


def _entry(key: str, entry: Any) -> tuple[str, ...]:
    if isinstance(entry, list):
        raise ConfigError(f"{key}: received {as_text(entry)}; accepted: KEY=VALUE, or KEY: VALUE")
    return listed(key, entry)


def _next_override(text: str, at: int) -> bool:
    return text[at].isspace() and _BEGIN.match(text, at) is not None


def _from_mapping(where: str, mapping: dict[Any, Any], prefix: str) -> Iterator[str]:
    for name, value in mapping.items():
        if not isinstance(name, str):
            raise ConfigError(f"{where}: received {as_text(name)} as a key; accepted: a text")
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _from_mapping(where, value, f"{key}.")
        else:
            yield f"{key}={_value(key.lstrip('+'), value)}"


def _value(key: str, value: Any) -> str:
    """A value as an override's: one value, whatever commas are in its text."""
    if isinstance(value, list):
        return f"[{','.join(_element(key, each) for each in value)}]"
    if value is None:
        return "null"
    text = str(value)
    one = len(pieces(text)) == 1 and text.lower() != "null"
    return text if one or not kinds.is_text(key) else quoted(text)


def _element(key: str, value: Any) -> str:
    if isinstance(value, list):
        return _value(key, value)
    text = as_text(value)
    simple = re.fullmatch(r"[\w.*/+-]+", text) is not None
    return text if simple or not kinds.is_texts(key) else quoted(text)


def as_text(value: Any) -> str:
    """A value of a sweep file as it may have been written there."""
    if isinstance(value, list):
        return f"[{', '.join(map(as_text, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {as_text(item)}' for name, item in value.items())}}}"
    return "null" if value is None else str(value)
