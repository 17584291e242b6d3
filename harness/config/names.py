"""Names that become folders and files: of experiments, sweeps and tables."""

import re

from harness.options import need

#: Bytes of a name. File systems take 255 for a file, of which reports need some for their own.
LONGEST = 200


def need_name(key: str, name: str) -> None:
    """Refuses a name that no folder can have on every machine.

    Args:
        key: where it stands, for the refusal.
        name: what was received.

    Raises:
        ConfigError: it has other signs than letters, digits, space, `.`, `_` and `-`, begins or
            ends with one that a folder's cannot, or is too long.
    """
    size = len(name.encode("utf-8", "surrogateescape"))
    fits = size <= LONGEST
    shown = name if fits else f"{name[:20]}… ({size} bytes)"
    need(key, shown, fits, f"a name of up to {LONGEST} bytes: it becomes a folder's")
    safe = re.fullmatch(r"\w(?:[\w .-]*[\w-])?", name) is not None
    need(key, name, safe, "letters, digits, '.', '_', '-' and, within, space")
