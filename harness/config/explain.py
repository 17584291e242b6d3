"""One line for an error of Hydra's or OmegaConf's: the key, what was received, accepted."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from harness.config import choices, kinds
from harness.config.hints import group_hint, key_hint
from harness.config.overrides import key_of, quoted_form, several_line, unread
from harness.errors import ConfigError, NotReadError


def refusal(
    error: Exception,
    options: Callable[[str], Sequence[str]],
    overrides: Sequence[str] = (),
    config: Mapping[str, Any] | None = None,
) -> ConfigError:
    """What to raise for an error of composing a config; arguments as for `explain`."""
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    line = explain(error, options, overrides, config)
    if isinstance(cause, (ConfigKeyError, ConfigAttributeError)):
        return NotReadError(line, str(cause.full_key))
    return ConfigError(line)


def explain(
    error: Exception,
    options: Callable[[str], Sequence[str]],
    overrides: Sequence[str] = (),
    config: Mapping[str, Any] | None = None,
) -> str:
    """Puts an error of composing a config into one line.

    Args:
        error: Hydra's or OmegaConf's.
        options: group -> the names it accepts.
        overrides: as they were typed, to repeat a value so.
        config: plain values, to say what its choices accept.
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        # Hydra lists the schema nodes' folders too; only the YAML names are meant for users.
        accepted = options(group) or error.options or ()
        return unknown_name(group or "--config-name", name, accepted)
    if isinstance(error, OverrideParseException):
        return unread(error.override)
    several = re.match(r"Ambiguous value for argument '(.*)'", str(error))
    if several:
        return several_line(several[1])
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(cause, (ConfigKeyError, ConfigAttributeError)):
        return _unknown_key(cause)
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        return _wrong_value(cause, str(error), overrides, config)
    return " ".join(str(error).split())


def unknown_name(group: str, name: str, accepted: Sequence[str]) -> str:
    """The line for a name that a group does not have, with what was probably meant."""
    meant = group_hint(group, name, accepted)
    hint = f"; did you mean {meant}?" if meant else ""
    return f"{group}={name} is unknown; accepted: {', '.join(accepted)}{hint}"


def _unknown_key(error: OmegaConfBaseException) -> str:
    parent = str(error.full_key).rpartition(".")[0]
    line = f"{error.full_key}: there is no such key"
    section: Any = error.parent_node  # what the section's choice reads, and no more
    if section is not None and section._is_none() is False:
        names = ", ".join(str(name) for name in section if name != "hydra")
        line += f"; accepted{' in ' + parent if parent else ''}: {names}"
    key = str(error.full_key)
    known = kinds.keys()
    if key in known:
        return f"{line}; read by {choices.reading(key)}"
    meant = key_hint(key)
    return f"{line}; did you mean {meant}?" if meant else line


def _wrong_value(
    error: OmegaConfBaseException,
    outer: str,
    overrides: Sequence[str],
    config: Mapping[str, Any] | None,
) -> str:
    key = re.sub(r"\[\d+\]", "", str(error.full_key))
    message = str(error.msg or error).splitlines()[0]
    accepted = kinds.accepted(key, config)
    if isinstance(error, MissingMandatoryValue):
        return f"{key}: received nothing; accepted: {accepted}"
    typed = [each.partition("=")[2] for each in overrides if key_of(each) == key]
    found = re.match(r"Error merging override [^=]+=(.*)", outer.splitlines()[0]) or re.match(
        r"(?:Value|Incompatible value) '(.*?)' (?:of type|is not|for field)", message
    )
    if not accepted or not (typed or found):
        return f"{key}: {message}"
    value = typed[-1] if typed else str(found and found[1])
    if value.lower() in ("null", "none") and kinds.is_text(key):
        accepted += f" (the text null in quotes, {quoted_form(f'{key}=null')})"
    return f"{key}: received {value or 'nothing'}; accepted: {accepted}"
