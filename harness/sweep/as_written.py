"""YAML whose values are read as they are written.

YAML 1.1 reads 010 as 8, 1_000 as 1000, `on` as true and 2026-11-27 as a date. A sweep's values
are overrides, whose keys know their types; so here every scalar is a text, and only an unquoted
`null` (or `~`, or nothing) is none.
"""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from harness.data.encoding import marked
from harness.errors import ConfigError


def read(path: Path) -> Any:
    """The content of a YAML file: mappings, lists, texts and None.

    Raises:
        ConfigError: it cannot be read, is not YAML, or says one key twice.
    """
    try:
        content = path.read_bytes()
        text = content.decode(marked(content[:4]) or "utf-8")
        return yaml.load(text, _AsWritten)
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: not YAML in UTF-8 ({reason})") from None


class _AsWritten(yaml.SafeLoader):
    """Makes texts of all plain scalars but null, and refuses a key that is there twice."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the base class's own form

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        names = [getattr(key, "value", None) for key, _ in getattr(node, "value", ())]
        for name in names:
            if isinstance(name, str) and name != "<<" and names.count(name) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{name} is there twice", node.start_mark
                )
        return dict(super().construct_mapping(node, deep))


_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
_AsWritten.add_implicit_resolver("tag:yaml.org,2002:null", _NULL, ["~", "n", "N", ""])
_AsWritten.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile("^<<$"), ["<"])
