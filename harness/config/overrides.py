"""Overrides as people type them: what a key's type says is a text is taken as it was typed.

Hydra's grammar reads `2026_11_27` as a number and refuses `/home/jörg` or `run (1)` unquoted.
It must guess the type of a value; we know it. So a value of a text key is put in the quotes
that Hydra's grammar wants before Hydra reads it. What keeps its meaning:

- quotes around the whole value, as Hydra's: they are not part of it;
- a comma outside quotes and brackets: several values, a sweep (`choice(a,b)` likewise);
- `${…}`, an interpolation; and null, which is no text.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import product

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from harness.config import kinds
from harness.config.choices import choosing
from harness.errors import ConfigError

_FORM = re.compile(r"(\+{0,2})([^\s=~+'\"\[\](){},][^\s='\"\[\](){},]*)=(.*)", re.DOTALL)
#: Hydra's functions, which a text key may be given, too.
_FUNCTION = re.compile(r"(choice|shuffle|sort|tag|range|glob|interval)\(.*\)", re.DOTALL)
_CHOICE = re.compile(r"choice\((.*)\)", re.DOTALL)
_OPENING, _CLOSING = "([{", ")]}"


def expand(overrides: Sequence[str]) -> list[list[str]]:
    """Splits `seed=1,2,3` into one list of overrides per combination, in Hydra's order.

    The values of text keys stay as they were typed.

    Raises:
        ConfigError: an override that is none.
    """
    return [list(each) for each in product(*(values(text) for text in overrides))]


def values(text: str) -> list[str]:
    """The overrides that one override stands for: itself, or one a value of a sweep.

    Raises:
        ConfigError: it is none.
    """
    prefix, key, value = split(text) or ("", "", "")
    if kinds.is_text(key) or kinds.is_texts(key):
        several = _several(value)
        if len(several) > 1 or several[0] != value.strip():
            return [f"{prefix}{key}={each}" for each in several]
        if not _FUNCTION.fullmatch(value):
            return [text]
    override = parsed(text)
    if override.is_discrete_sweep():
        name = override.get_key_element()
        return [f"{name}={value}" for value in override.sweep_string_iterator()]
    if override.is_sweep_override():
        raise ConfigError(
            f"{text}: received a continuous range; accepted: values separated by commas, "
            "choice(…) or range(…)"
        )
    return [text]


def single(text: str) -> str:
    """An override of one value in Hydra's grammar.

    Raises:
        ConfigError: it is none, or has several values.
    """
    several = values(text)
    if len(several) > 1:
        raise ConfigError(several_line(text))
    return for_hydra(several[0])


def several_line(text: str) -> str:
    """The line for a sweep where one value is accepted."""
    _, key, _ = split(text) or ("", text, "")
    each = [one.partition("=")[2] for one in values(text)]
    shown = ", ".join([*each[:4], *(["…"] if len(each) > 4 else [])])
    how = "a list is written [1,2]"
    if kinds.is_text(key):
        how = f"a text with a comma is written in quotes, {quoted_form(text)}"
    return f"{text}: received several values ({shown}); accepted here: one ({how})"


def for_hydra(text: str) -> str:
    """An override in Hydra's grammar, its texts in quotes; a sweep stays one."""
    found = split(choosing(text))
    if found is None:
        return text
    prefix, key, value = found
    return f"{prefix}{key}={_value(key, value)}"


def split(text: str) -> tuple[str, str, str] | None:
    """Prefix (`+`, `++` or nothing), key and value of an override; None if it has no such form."""
    found = _FORM.fullmatch(text)
    return (found[1], found[2], found[3]) if found else None


def key_of(text: str) -> str:
    """The dotted key that an override sets, also where it chooses a group's option.

    Example:
        >>> key_of("training/optimizer@training.dense.optimizer=sgd"), key_of("++seed=1")
        ('training.dense.optimizer', 'seed')
    """
    key = choosing(text).lstrip("+~").partition("=")[0]
    return (key.partition("@")[2] or key).replace("/", ".")


def parsed(text: str) -> Override:
    """Hydra's reading of an override.

    Raises:
        ConfigError: it cannot be read; says how it can.
    """
    try:
        found = by_grammar(for_hydra(text))
    except HydraException:
        raise ConfigError(unread(text)) from None
    if not found.key_or_group:
        raise ConfigError(unread(text))
    return found


@lru_cache(4096)
def by_grammar(text: str) -> Override:
    """What Hydra's grammar makes of an override; a sweep's cells share most of theirs.

    Raises:
        HydraException: it cannot be read.
    """
    return OverridesParser.create().parse_override(text)


def unread(text: str) -> str:
    """The line for an override that Hydra's grammar cannot read."""
    found = split(text)
    if found is None:
        return f"{text!r} is not an override; accepted: KEY=VALUE"
    _, key, value = found
    words = kinds.accepted(key)
    if words:
        return f"{key}: received {value}; accepted: {words}"
    line = f"{text!r} is not an override; accepted: KEY=VALUE"
    return f"{line} (such a value in quotes: {quoted_form(text)})"


def quoted_form(text: str) -> str:
    """An override with its whole value in quotes, as a shell takes it.

    Example:
        >>> print(quoted_form("dataset.data_dir=run (1)"))
        "dataset.data_dir='run (1)'"
    """
    prefix, key, value = split(text) or ("", "KEY", text)
    inner = f"{prefix}{key}={quoted(value)}"
    plain = not any(letter in inner for letter in '"\\$`!')
    return f'"{inner}"' if plain else shlex.quote(inner)


def _value(key: str, value: str) -> str:
    """A value in Hydra's grammar, by its key's type."""
    if kinds.is_text(key):
        if _FUNCTION.fullmatch(value) and not _CHOICE.fullmatch(value):
            return value
        several = _several(value)
        return ",".join(each if each.lower() == "null" else _text(each) for each in several)
    if kinds.is_texts(key):
        return ",".join(map(_texts, _several(value)))
    if value.startswith("{") and value.endswith("}") and kinds.is_section(key):
        return "{" + ",".join(_entries(key, value[1:-1])) + "}"
    return value


def _text(value: str) -> str:
    return value if _isquoted(value) else quoted(value)


def _texts(value: str) -> str:
    """A list of texts, each in quotes; anything else stays as it is."""
    if not (value.startswith("[") and value.endswith("]")):
        return value
    inner = value[1:-1].strip()
    return "[" + ",".join(map(_text, pieces(inner))) + "]" if inner else "[]"


def _entries(section: str, inner: str) -> Iterator[str]:
    for entry in pieces(inner):
        name, colon, value = entry.partition(":")
        yield f"{name}{colon}{_value(f'{section}.{name.strip()}', value.strip())}"


def _several(value: str) -> list[str]:
    """The values of a sweep; a single one as it was typed."""
    choice = _CHOICE.fullmatch(value)
    found = pieces(choice[1] if choice else value)
    return found if choice or len(found) > 1 else [value]


def _comma(text: str, at: int) -> bool:
    return text[at] == ","


def pieces(text: str, cuts: Callable[[str, int], bool] = _comma) -> list[str]:
    """Cuts a text outside its quotes and brackets, and strips the pieces.

    Brackets that do not close hold nothing together. A quote opens where a value can begin.

    Args:
        text: what is cut.
        cuts: whether there is a cut at this character, which goes.
    """
    ends = [0]
    at, start = 0, True
    while at < len(text):
        end = _skip(text, at, start)
        if end == at + 1 and cuts(text, at):
            ends.append(at + 1)
        start = end == at + 1 and (text[at] in "=,:([{" or (start and text[at].isspace()))
        at = end
    found = zip(ends, [*(end - 1 for end in ends[1:]), len(text)], strict=True)
    return [text[begin:end].strip() for begin, end in found]


def _skip(text: str, at: int, start: bool) -> int:
    """Where what begins at a character ends: a quoted text, a bracket, or the character."""
    if start and text[at] in "'\"":
        return _closing_quote(text, at) or at + 1
    if text[at] in _OPENING:
        return _closing_bracket(text, at) or at + 1
    return at + 1


def _closing_quote(text: str, at: int) -> int:
    found = re.compile(rf"(?:[^\\{text[at]}]|\\.|\\$)*{text[at]}", re.DOTALL).match(text, at + 1)
    return found.end() if found else 0


def _closing_bracket(text: str, at: int) -> int:
    """Behind the bracket that closes the one here; 0 if none does."""
    open_ones, start = [], False
    while at < len(text):
        letter = text[at]
        if letter in _OPENING:
            open_ones.append(_CLOSING[_OPENING.index(letter)])
        elif letter in _CLOSING and open_ones.pop() != letter:
            return 0
        if not open_ones:
            return at + 1
        end = _closing_quote(text, at) if start and letter in "'\"" else 0
        start = letter in "=,:([{" or (start and letter.isspace())
        at = end or at + 1
    return 0


def _isquoted(value: str) -> bool:
    return value[:1] in ("'", '"') and _closing_quote(value, 0) == len(value)


def quoted(value: str) -> str:
    """A text in the quotes of Hydra's grammar."""
    return str(QuotedString(value, Quote.single).with_quotes())
